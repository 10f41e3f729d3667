// SPDX-License-Identifier: MIT

// The scheduler's threads, of which there are many while goroutines are in C.
package main

// #include <pthread.h>
// #include <stdio.h>
// #include <unistd.h>
// static void *own(void *arg) { pthread_setname_np(pthread_self(), "own"); for (;;) pause(); return arg; }
// static void start_own(void) { pthread_t thread; pthread_create(&thread, NULL, own, NULL); }
// static void stay(void) { for (;;) pause(); }
import "C"

import (
	"fmt"
	"time"
)

func main() {
	C.start_own()
	for i := 0; i < 3; i++ {
		go C.stay()
	}
	time.Sleep(200 * time.Millisecond)
	fmt.Println("ready")
	C.stay()
}

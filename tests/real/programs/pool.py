# SPDX-License-Identifier: MIT
"""A thread pool that stays, and threads that come and go until standard input ends; then quiet."""

import concurrent.futures
import hashlib
import signal
import sys
import threading


def work(number):
    return hashlib.sha256(bytes([number]) * 20000).hexdigest()


pool = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix="pool")
both = threading.Barrier(4)
list(pool.map(lambda _: both.wait(), range(4)))  # so that all four exist
print(work(7), flush=True)

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.is_set():
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    list(pool.map(work, range(8)))
    for thread in threads:
        thread.join()
print("quiet", flush=True)
signal.pause()

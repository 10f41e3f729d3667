// SPDX-License-Identifier: MIT
// A thread pool that stays, and threads that come and go until standard input ends; then quiet.
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public class Pool {
    static volatile boolean ended = false;

    static long work(long seed) {
        for (int i = 0; i < 20000; i++)
            seed = seed * 31 + i;
        return seed;
    }

    static void readToEnd() {
        try {
            while (System.in.read() >= 0) {
            }
        } catch (java.io.IOException error) {
            // as good as the end
        }
        ended = true;
    }

    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        for (int i = 0; i < 4; i++)
            pool.submit(() -> work(1));
        System.out.println(work(7));
        new Thread(Pool::readToEnd, "reader").start();
        while (!ended) {
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 4; i++)
                threads.add(new Thread(() -> work(3), "short"));
            for (Thread thread : threads)
                thread.start();
            pool.submit(() -> work(5)).get();
            for (Thread thread : threads)
                thread.join();
        }
        System.out.println("quiet");
        Thread.sleep(Long.MAX_VALUE);
    }
}

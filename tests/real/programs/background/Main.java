// SPDX-License-Identifier: MIT
/** The JVM's threads, and one that Java code starts. */
public class Main {
    public static void main(String[] arguments) throws Exception {
        Thread thread = new Thread(() -> {
            synchronized (Main.class) {
                for (;;)
                    try {
                        Main.class.wait();
                    } catch (InterruptedException ignored) {
                    }
            }
        }, "own");
        thread.start();
        System.gc();
        System.out.println("ready");
        System.out.flush();
        thread.join();
    }
}

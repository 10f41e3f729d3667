# SPDX-License-Identifier: MIT
"""What leaks is named for it; all other tests pass. POOL is the path of the native code."""

import ctypes
import os
import threading

import pytest

pool = ctypes.CDLL(os.environ["POOL"])
pool.pool_start.restype = ctypes.c_uint64
pool.pool_join.argtypes = [ctypes.c_uint64]


def test_joins():
    pool.pool_join_one()


def test_leaves_unjoined():
    pool.pool_leave_unjoined()


def test_leaves_alive():
    pool.pool_leave_alive()


def test_fails_and_leaves_unjoined():
    pool.pool_leave_unjoined()
    assert 1 == 2, "a failure of its own"


def test_skips_and_leaves_unjoined():
    pool.pool_leave_unjoined()
    pytest.skip("for a reason")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_two_leaves_unjoined(number):
    if number == 2:
        pool.pool_leave_unjoined()


@pytest.fixture
def started():
    thread = pool.pool_start()
    yield
    pool.pool_join(thread)


def test_joins_in_its_fixture(started):
    pass


@pytest.fixture(scope="module")
def pool_of_the_module():
    thread = pool.pool_start()
    yield
    pool.pool_join(thread)


def test_first_of_module(pool_of_the_module):
    pool.pool_join_one()


def test_leaves_unjoined_beside_the_module(pool_of_the_module):
    pool.pool_leave_unjoined()


class TestClass:
    @pytest.fixture(scope="class")
    def leaky_pool(self):
        pool.pool_leave_alive()

    def test_uses_it(self, leaky_pool):
        pass

    def test_is_the_last_to_use_it(self, leaky_pool):
        pass


@pytest.mark.threadleak(check=False)
def test_is_not_checked():
    pool.pool_leave_unjoined()


def test_python_thread_is_joined():
    thread = threading.Thread(target=pool.pool_join_one)
    thread.start()
    thread.join()


def test_python_thread_stays():
    threading.Thread(target=threading.Event().wait, daemon=True).start()


@pytest.mark.threadleak(allow_detached=True)
def test_python_thread_may_stay():
    threading.Thread(target=threading.Event().wait, daemon=True).start()

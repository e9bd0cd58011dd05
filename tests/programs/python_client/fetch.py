"""Fetches many URLs with a pool of threads and plain urllib: the program that is usually rewritten for gevent.

usage: fetch.py PORT COUNT
"""
import concurrent.futures
import sys
import threading
import urllib.request

port, count = int(sys.argv[1]), int(sys.argv[2])
peak = 0


def fetch(number):
    global peak
    peak = max(peak, threading.active_count())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{number}", timeout=60) as response:
        return response.status, response.read().decode()


with concurrent.futures.ThreadPoolExecutor(500) as pool:
    results = list(pool.map(fetch, range(count)))

right = sum(result == (200, f"answer {number}") for number, result in enumerate(results))
print(f"{right} of {count} right, more than 150 threads at once: {peak > 150}")

"""Fetches COUNT pages over TLS with `requests`, 100 threads at once, and prints a digest of all answers.

usage: fetch.py PORT COUNT CA
"""
import concurrent.futures
import hashlib
import sys
import threading

import requests

port, count, authority = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
THREADS = 100
together = threading.Barrier(THREADS)


def fetch(number):
    if number < THREADS:
        together.wait(60)  # so that all threads are there
    reply = requests.get(f"https://localhost:{port}/{number}", verify=authority, timeout=60)
    return reply.status_code, reply.text


with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
    results = list(pool.map(fetch, range(count)))

right = sum(code == 200 and text.startswith(f"/{number} ") for number, (code, text) in enumerate(results))
print(f"{right} of {count} right, digest {hashlib.sha256(repr(results).encode()).hexdigest()[:16]}")

import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return url, len(response.read())


with ThreadPoolExecutor(500) as pool:
    for url, size in pool.map(fetch, sys.argv[1:]):
        print(f"{size:8} {url}")

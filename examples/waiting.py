"""Many threads that wait for a byte each, and how many of them the kernel knows.

usage: waiting.py [COUNT]
"""
import os
import sys
import threading

count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
reader, writer = os.pipe()
threading.stack_size(128 * 1024)
threads = [threading.Thread(target=os.read, args=(reader, 1)) for _ in range(count)]
for thread in threads:
    thread.start()
with open("/proc/self/status") as status:
    print(*(line.strip() for line in status if line.startswith("Threads:")))
os.write(writer, b"x" * count)
for thread in threads:
    thread.join()

# timeout(1): the child's status, the signal it sends, the second one when that does not help, and its own end.
timeout 60 sh -c 'exit 3'; echo "status $?"
timeout 0.2 sleep 60; echo "too long $?"
timeout --preserve-status -s INT 0.2 sleep 60; echo "interrupted $?"
(timeout -k 0.2 0.2 sh -c 'trap "" TERM; while :; do sleep 0.05; done'; exit $?) 2>/dev/null; echo "killed $?"
timeout --foreground 0.2 python3 -c '
import threading, time
for _ in range(20):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)'; echo "threads $?"
timeout 60 timeout 0.2 sleep 60; echo "nested $?"

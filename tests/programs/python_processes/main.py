"""Threads, subprocesses, forks and name look-ups in one program."""
import os
import signal
import socket
import subprocess
import sys
import threading

gate = threading.Event()
sleepers = [threading.Thread(target=gate.wait) for _ in range(100)]
for sleeper in sleepers:
    sleeper.start()

lines = []


def note(text):
    lines.append(text)


def run_command(number):
    done = subprocess.run(["sh", "-c", f"cat; echo err >&2; exit {number}"], input=f"in {number}", text=True,
                          capture_output=True)
    note(f"command {number}: {done.stdout} {done.stderr.strip()} {done.returncode}")


def talk_to_process(number):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for turn in range(5):
            process.stdin.write(f"{turn}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{turn}\n"
    note(f"talk {number}: {process.returncode}")


def fork(number):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        thread = threading.Thread(target=lambda: os.write(writer, b"from a thread of the child"))
        thread.start()
        thread.join()
        os._exit(number)
    os.close(writer)
    text = b""
    while part := os.read(reader, 100):
        text += part
    os.close(reader)
    note(f"fork {number}: {text.decode()}, {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


def look_up(number):
    found = socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)
    note(f"look-up {number}: {found[0][4]}")


def killed(number):
    process = subprocess.Popen(["sleep", "100"])
    process.send_signal(signal.SIGTERM)
    note(f"killed {number}: {process.wait()}")


def too_slow(number):
    try:
        subprocess.run(["sleep", "100"], timeout=0.05)
    except subprocess.TimeoutExpired:
        note(f"too slow {number}")


tasks = [threading.Thread(target=task, args=(number,))
         for task in (run_command, talk_to_process, fork, look_up, killed, too_slow) for number in range(4)]
for task in tasks:
    task.start()
for task in tasks:
    task.join()
gate.set()
for sleeper in sleepers:
    sleeper.join()
print("\n".join(sorted(lines)))
print(subprocess.check_output([sys.executable, "-c", "import threading; print(threading.active_count())"], text=True),
      end="")
sys.exit(4)

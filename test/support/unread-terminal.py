"""Runs a command on a terminal that nobody reads, until a line comes on stdin. Then copies the terminal to stdout."""
import os
import pty
import sys

master, slave = pty.openpty()
pid = os.fork()
if pid == 0:
    os.dup2(slave, 1)
    os.close(master)
    os.execv(sys.argv[1], sys.argv[1:])
os.close(slave)
print(pid, flush=True)
sys.stdin.readline()
while True:
    try:
        chunk = os.read(master, 65536)
    except OSError:
        break
    if not chunk:
        break
    os.write(1, chunk)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))

"""How the Python original reads, re-created from its description: at each tick the whole log, every line validated."""
import json
import sys
from datetime import datetime

SOURCES = {"mcp_http", "slack_dm", "email", "cron", "reasoning", None}


def validated(line):
    row = json.loads(line)
    if set(row) != {"emitted_at", "seam", "details", "caller_session_id", "source"}:
        raise ValueError("fields")
    row["emitted_at"] = datetime.fromisoformat(row["emitted_at"])
    if not isinstance(row["seam"], str) or not isinstance(row["details"], dict):
        raise ValueError("seam or details")
    if not (row["caller_session_id"] is None or isinstance(row["caller_session_id"], str)):
        raise ValueError("caller_session_id")
    if row["source"] not in SOURCES:
        raise ValueError("source")
    return row


wakes = 0
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        if validated(line)["seam"] == "probe.wake_requested":
            wakes += 1
print(wakes)

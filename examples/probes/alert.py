#!/usr/bin/env python3
"""Appends one alert to the audit log.

Usage: alert.py PROBE CATEGORY SEVERITY TITLE
The log is $KORA_AUDIT_LOG_PATH, or ~/.kora/kora_audit_log.jsonl.
"""
import datetime
import json
import os
import sys


def alert(probe, category, severity, title, detail="", snapshot=None):
    """Appends one row with one write, so that rows of several probes do not mix."""
    log = os.environ.get("KORA_AUDIT_LOG_PATH") or os.path.expanduser("~/.kora/kora_audit_log.jsonl")
    row = {
        "emitted_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "seam": "probe.wake_requested",
        "details": {
            "probe": probe,
            "category": category,
            "severity": severity,
            "title": title,
            "detail": detail,
            "snapshot_details": snapshot or {},
        },
        "caller_session_id": None,
        "source": None,
    }
    with open(log, "ab", buffering=0) as file:
        file.write((json.dumps(row) + "\n").encode())


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    alert(*sys.argv[1:])

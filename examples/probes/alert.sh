#!/bin/sh
# Appends one alert to the audit log.
# Usage: alert.sh PROBE CATEGORY SEVERITY TITLE
# The log is $KORA_AUDIT_LOG_PATH, or ~/.kora/kora_audit_log.jsonl.
set -eu
log="${KORA_AUDIT_LOG_PATH:-$HOME/.kora/kora_audit_log.jsonl}"

# Makes the text part of a JSON string: escapes backslashes and quotes, turns control characters into blanks.
json() { printf '%s' "$1" | tr '\000-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g'; }

# The seam must be written literally, and the row with one append.
printf '{"emitted_at":"%s","seam":"probe.wake_requested","details":{"probe":"%s","category":"%s","severity":"%s","title":"%s"},"caller_session_id":null,"source":null}\n' \
  "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(json "$1")" "$(json "$2")" "$(json "$3")" "$(json "$4")" >> "$log"

#!/bin/sh
# serve.sh DIR: two pre-forked workers of 1,000 threads each. VENV is where gunicorn and Flask are installed.
cd "$(dirname "$0")" || exit 1
export HOME="$1" PYTHONDONTWRITEBYTECODE=1
exec "$VENV/bin/python" "$VENV/bin/gunicorn" -k gthread --threads 1000 --workers 2 --worker-connections 2000 \
    --backlog 2048 --bind "127.0.0.1:$(cat "$1/port")" --access-logfile "$1/access.log" app:app

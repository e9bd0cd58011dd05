#!/bin/sh
# query.sh PORT SQL: prints the rows, columns separated by tabs.
exec mariadb --no-defaults --host=127.0.0.1 --port="$1" --user=sbtest --password=sbtest --batch --skip-column-names \
    sbtest --execute="$2"

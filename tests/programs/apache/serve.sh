#!/bin/sh
# serve.sh DIR: Apache as prepare.sh configured it, in the foreground.
PATH=$PATH:/usr/sbin
exec apache2 -f "$1/httpd.conf" -DFOREGROUND

#!/bin/sh
# The shop beside a server on this machine: `make demo` in one terminal, `make example` in another.
# The first time, an operator's two commands give it a key and a webhook; they are kept with the server's state.
set -eu
umask 077
# As the demo's processes have it: a receiver on this machine is no public address.
export AIOPS_WEBHOOKS_ALLOW=127.0.0.1/32 AIOPS_WEBHOOKS_PORTS=443,8001
state="${AIOPS_HOME:?}/shop"
mkdir -p "$state"
if [ ! -s "$state/environment" ]; then
    key=$(python manage.py apikey make shop --scope start)
    secret=$(python manage.py webhook add shop http://127.0.0.1:8001/hooks/ai/ --kind run.succeeded)
    printf 'AIOPS_KEY=%s\nAIOPS_WEBHOOK_SECRET=%s\n' "$key" "$secret" >"$state/environment"
fi
set -a
. "$state/environment"
AIOPS_SERVER="http://127.0.0.1:${PORT:-8000}"
PYTHONPATH="$PWD/client"
SHOP_DATABASE="$state/shop.sqlite3"
set +a

cd "$(dirname "$0")"
python manage.py migrate --verbosity 0
python manage.py send_starts &
sender=$!
trap 'kill $sender' EXIT
trap 'exit 130' INT TERM
echo "The shop is at http://127.0.0.1:8001/. Ctrl-C stops it."
python manage.py runserver --noreload 127.0.0.1:8001

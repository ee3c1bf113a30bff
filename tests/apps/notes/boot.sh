#!/bin/sh
# Migrate, then serve.
python3 -c "import notes; notes.migrate()" || exit 1
exec gunicorn --bind :5000 --access-logfile - notes:app

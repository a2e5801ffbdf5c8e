# patience: how long WSL waits for the systemd of this instance, in milliseconds, if it says so.
[ ! -e /etc/wsl.conf ] || sed -n 's/^[[:blank:]]*initTimeout[[:blank:]]*=[[:blank:]]*\([0-9]\{1,9\}\)[[:blank:]]*$/\1/p' /etc/wsl.conf | tail -n 1

for program in ping timeout bash getent; do
    command -v "$program" >/dev/null || { echo "there is no '$program'" >&2; exit 3; }
done
LC_ALL=C
export LC_ALL
# Whoever is not found by name was not asked, which is no silence.
for address in "$@"; do
    getent ahosts "$address" >/dev/null || { echo "the name '$address' cannot be resolved" >&2; exit 3; }
done
for address in "$@"; do
    { if ping -c 2 -W 2 -q -- "$address" >/dev/null 2>&1; then echo "$address answers a ping"; fi } &
    for port in 22 8006; do
        {
            said=$(timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1)
            case $?:$said in
                0:*) echo "$address accepts connections to TCP port $port" ;;
                *"Connection refused"*) echo "$address refuses connections to TCP port $port" ;;
            esac
        } &
    done
done
wait

# Removes the directory $1 once its owner and all leashes are gone: they hold the other end of stdin.
read -r _
rm -rf -- "$1"

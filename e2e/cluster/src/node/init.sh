# The first process of a node: it runs in namespaces of its own (process ids, mounts, network), so that the kernel ends
# every container, mount and network device of the node with it, however it ends.
# $1  the node's directory, $2 the name of its cgroup; then the container runtime and its arguments.
set -e
directory=$1 cgroup=$2
shift 2
# As the machine sees this process: /proc still is the machine's.
read -r pid _ </proc/self/stat
# What programs would write in places of the machine goes away with the mounts.
for place in /run /var/lib /var/log; do
  mount -t tmpfs tmpfs "$place"
done
mount -t proc proc /proc
# What the kubelet and containers measure and limit is below a cgroup of the node's own (see remove.sh).
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
  done
  mkdir -p "/sys/fs/cgroup/$cgroup"
else
  for controller in /sys/fs/cgroup/*/; do
    mkdir -p "$controller$cgroup"
  done
fi
echo "$pid" >"$directory/pid.new"
mv "$directory/pid.new" "$directory/pid"
# As a child: the first process of a namespace has to wait for those that lost their parent.
"$@" &
wait "$!"

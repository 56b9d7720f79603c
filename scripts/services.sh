#!/usr/bin/env bash
# Runs a command with real servers to test against, and stops them when it ends:
#
#   scripts/services.sh npm test     all tests, also those that need MinIO, MongoDB or Redis
#   scripts/services.sh bash         a shell in which they are there
#   scripts/services.sh              prints the variables and waits for Ctrl-C
#
# Redis comes from the distribution. MinIO is built from its Go module. MongoDB is a `mongod` when there is one on the
# PATH, else FerretDB (which speaks MongoDB's protocol over SQLite), built from its Go module. What needs change streams,
# which a single MongoDB does not have, gets mongo-java-server, from Maven. What was built is kept in
# ${XDG_CACHE_HOME:-~/.cache}/capgo-server-services, by version. Servers listen on free loopback ports and keep their
# data in a folder that goes with them. The first run needs Go, Java, Maven, a network and some five minutes, later ones
# three seconds.
set -euo pipefail

minio_module=github.com/minio/minio
minio_version=v0.0.0-20260212201848-7aac2a2c5b7c
ferretdb_module=github.com/FerretDB/FerretDB
ferretdb_version=v1.24.2

mongo_java_server=$(cd "$(dirname "$0")" && pwd)/mongo-java-server

user=capgo-test
password=capgo-test-password
start_deadline_s=60

cache=${XDG_CACHE_HOME:-$HOME/.cache}/capgo-server-services
work=$(mktemp -d "${TMPDIR:-/tmp}/capgo-services-XXXXXX")
pids=()

say() { printf 'services: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

stop() {
  trap - EXIT INT TERM HUP
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# installed <program> <Debian package>
install_package() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || fail "$1 is missing, and there is no apt-get to install $2 with"
  [ "$(id -u)" = 0 ] || fail "$1 is missing; install $2, or run this as root"
  say "installing $2"
  # RUNLEVEL: we want the program, not a service that starts now.
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$2"; } \
    >"$work/apt.log" 2>&1 || fail "$2 could not be installed: $(tail -n 3 "$work/apt.log")"
}

# build <program> <module> <version> <package in it>: leaves the program in the cache
build() {
  local name=$1 module=$2@$3 package=$4 built=$cache/$1-$3
  [ -x "$built" ] && return
  command -v go >/dev/null || fail "$name is missing, and there is no go (1.24 or newer) to build it with"
  say "building $name $3; this takes some minutes, once"
  mkdir -p "$cache"
  # In a copy of the module: FerretDB wants a file with its version in its tree, and so its own go.sum holds.
  {
    local downloaded
    downloaded=$(go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') &&
      cp -R "$downloaded" "$work/$name" && chmod -R u+w "$work/$name" &&
      { [ "$name" != ferretdb ] || echo "$3" >"$work/$name/build/version/version.txt"; } &&
      (cd "$work/$name" && CGO_ENABLED=0 nice go build -trimpath -ldflags='-s -w' -o "$built.$$" "$package")
  } >"$work/$name-build.log" 2>&1 || fail "$name could not be built: $(tail -n 3 "$work/$name-build.log")"
  # A rename, so that two runs at once never see half a program.
  mv "$built.$$" "$built"
  rm -rf "${work:?}/$name"
}

# Leaves mongo-java-server and what it needs in the cache.
fetch_mongo_java_server() {
  [ -d "$mongo_java_server_jars" ] && return
  install_package mvn maven
  say 'fetching mongo-java-server'
  mkdir -p "$cache"
  mvn -q -B -f "$mongo_java_server/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$work/jars" >"$work/maven.log" 2>&1 ||
    fail "mongo-java-server could not be fetched: $(tail -n 3 "$work/maven.log")"
  # Of two runs at once one is first, and what the other has is the same.
  mv -T "$work/jars" "$mongo_java_server_jars" 2>/dev/null || [ -d "$mongo_java_server_jars" ]
}

free_ports() {
  node -e '
    const servers = Array.from({ length: 4 }, () => require("node:net").createServer().listen(0, "127.0.0.1"));
    const ports = servers.map((server) => new Promise((ready) => server.once("listening", () => ready(server.address().port))));
    Promise.all(ports).then((all) => { console.log(all.join(" ")); servers.forEach((server) => server.close()); });
  '
}

# start <name> <command…>
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 </dev/null &
  pids+=($!)
}

# answers <name> <command…>: waits until the command succeeds
answers() {
  local name=$1 pid=${pids[-1]} deadline=$((SECONDS + start_deadline_s))
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || fail "$name ended at once: $(tail -n 5 "$work/$name.log")"
    [ "$SECONDS" -lt "$deadline" ] ||
      fail "$name did not answer within $start_deadline_s s: $(tail -n 5 "$work/$name.log")"
    sleep 0.1
  done
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
is_healthy() { node -e 'fetch(process.argv[1]).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))' "$1"; }

command -v node >/dev/null || fail 'node is missing'
install_package redis-server redis-server
build minio "$minio_module" "$minio_version" .
mongod=$(command -v mongod || true)
[ -n "$mongod" ] || build ferretdb "$ferretdb_module" "$ferretdb_version" ./cmd/ferretdb

install_package java default-jre-headless
mongo_java_server_jars=$cache/mongo-java-server-$(sed -n '/mongo-java-server</,/version>/s/.*<version>\(.*\)<.*/\1/p' "$mongo_java_server/pom.xml")
fetch_mongo_java_server

read -r redis_port minio_port mongo_port streams_port < <(free_ports)
mkdir "$work/redis" "$work/minio" "$work/mongo"

start redis redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work/redis"
answers redis is_open "$redis_port"

start minio env MINIO_ROOT_USER="$user" MINIO_ROOT_PASSWORD="$password" MINIO_BROWSER=off MINIO_UPDATE=off \
  "$cache/minio-$minio_version" server --quiet --address "127.0.0.1:$minio_port" "$work/minio"
answers minio is_healthy "http://127.0.0.1:$minio_port/minio/health/cluster"

start mongo-java-server java -Xmx1g -cp "$mongo_java_server_jars/*" "$mongo_java_server/ServeMongo.java" "$streams_port"
answers mongo-java-server is_open "$streams_port"

if [ -n "$mongod" ]; then
  start mongo "$mongod" --bind_ip 127.0.0.1 --port "$mongo_port" --dbpath "$work/mongo" --nounixsocket
else
  start mongo "$cache/ferretdb-$ferretdb_version" --handler=sqlite --sqlite-url="file:$work/mongo/?_pragma=synchronous(off)" \
    --state-dir="$work/mongo" --listen-addr="127.0.0.1:$mongo_port" --debug-addr=- --telemetry=disable --log-level=warn
fi
answers mongo is_open "$mongo_port"

export TEST_REDIS_URL=redis://127.0.0.1:$redis_port
# The credentials are part of the URL, so that one variable says all.
export TEST_S3_ENDPOINT=http://$user:$password@127.0.0.1:$minio_port
export TEST_MONGO_URL=mongodb://127.0.0.1:$mongo_port
# For tests that stop their MongoDB and start it again.
export TEST_MONGO_PROGRAM=${mongod:-$cache/ferretdb-$ferretdb_version}
export TEST_MONGO_CHANGE_STREAMS_URL=mongodb://127.0.0.1:$streams_port
variables=(TEST_REDIS_URL TEST_S3_ENDPOINT TEST_MONGO_URL TEST_MONGO_PROGRAM TEST_MONGO_CHANGE_STREAMS_URL)
print_variables() { for name in "${variables[@]}"; do printf 'export %s=%s\n' "$name" "${!name}"; done; }

if [ $# -gt 0 ]; then
  print_variables >&2
  status=0
  "$@" || status=$?
  exit "$status"
fi
print_variables
# In the background with a wait, because a trap runs only between commands.
sleep infinity &
pids+=($!)
wait "${pids[-1]}"

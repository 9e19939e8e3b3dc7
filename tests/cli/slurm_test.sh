#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slurm_test.sh QFI SOURCE_FOLDER: on a Slurm of one node that is started here, an array of 8 shards of which one is
# killed, one requeued and all outlive their time limit's warning gives the bytes of a plain run. Exit code 77: no
# Slurm (scripts/check_packages.sh installs it).
set -euo pipefail
qfi=$1
source=$2
for program in munged slurmctld slurmd sbatch scontrol; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
done
[[ $(id -u) -eq 0 ]] || { echo 'skipped: not root'; exit 77; }
export PATH=$PATH:/usr/sbin
D=$(mktemp -d)
chmod 755 "$D"
children=()
stop() {
  scancel --user=root 2>/dev/null || true
  kill "${children[@]}" 2>/dev/null || true
  sleep 1
  kill -9 "${children[@]}" 2>/dev/null || true
  rm -rf "$D"
}
trap stop EXIT

mkdir -m 755 "$D/munge"
mkdir -m 700 "$D/state" "$D/spool"
head -c 1024 /dev/urandom >"$D/munge/key"
chmod 600 "$D/munge/key"
host=$(hostname -s)
port=$((20000 + RANDOM % 20000))
cat >"$D/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthInfo=socket=$D/munge/sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool
SlurmctldPidFile=$D/slurmctld.pid
SlurmdPidFile=$D/slurmd.pid
SlurmctldLogFile=$D/slurmctld.log
SlurmdLogFile=$D/slurmd.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
MinJobAge=3600
KillWait=5
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF=$D/slurm.conf
munged -F --key-file="$D/munge/key" --socket="$D/munge/sock" --pid-file="$D/munge/pid" \
  --log-file="$D/munge/log" --seed-file="$D/munge/seed" & children+=($!)
for ((i = 0; i < 50; ++i)); do [[ -S $D/munge/sock ]] && break; sleep 0.1; done
slurmctld -D >"$D/ctl.out" 2>&1 & children+=($!)
slurmd -D >"$D/slurmd.out" 2>&1 & children+=($!)
for ((i = 0; i < 100; ++i)); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 0.2; done
sinfo -h -o %T | grep -q idle || { echo 'skipped: Slurm does not start here'; tail -3 "$D"/*.log; exit 77; }

sed -e 's/first: 200/first: 400/' -e 's/verify: 8/verify: 0/' -e "s#: demo/#: $source/campaigns/demo/#g" \
  -e "s#\.\./netlists#$source/netlists#" "$source/campaigns/demo.yaml" >"$D/c.yaml"
"$qfi" campaign "$D/c.yaml" --output "$D/whole" --quiet >/dev/null

"$qfi" slurm "$D/c.yaml" --shards 8 --concurrent 4 --output "$D/out" --submit | tee "$D/submitted"
array=$(sed -E 's/array job ([0-9]+).*/\1/' "$D/submitted")
killed=no requeued=no
for ((i = 0; i < 2400; ++i)); do  # some minutes, as a busy machine needs
  if [[ $killed = no && -s $D/out/shard-2/journal.sqlite-wal ]]; then
    pkill -9 -f -- "--shard 2/8" && killed=yes
  fi
  if [[ $requeued = no && -s $D/out/shard-3/journal.sqlite-wal ]]; then
    scontrol requeue "${array}_3" && requeued=yes
  fi
  [[ -s $D/out/results.json ]] && break
  squeue -h | grep -q . || break
  sleep 0.1
done
scontrol -o show job | sed -E 's/.*(JobId=[^ ]*).*(ArrayTaskId=[^ ]*)?.*(JobState=[^ ]*).*(Restarts=[0-9]*).*/\1 \3 \4/'
[[ $killed = yes && $requeued = yes ]] || { echo "killed: $killed, requeued: $requeued"; exit 1; }
tail -n 2 "$D"/out/*.log
cmp "$D/whole/results.json" "$D/out/results.json"
echo "8 shards, one killed, one requeued: identical"

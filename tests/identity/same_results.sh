#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# same_results.sh [--reuse-base] [--only GLOB] BASE_QFI NEW_QFI [WORK_FOLDER]
#
# Owns the proof that two builds of qfi give the same bytes. In go two programs and the campaigns of this folder, the
# demo's and the studies' with fewer images and faults. BASE_QFI runs each with one thread, NEW_QFI with two. Out comes a
# line for each campaign, `same` or `DIFFERENT: what` with the CPU seconds of both, and a last line with counts; exit
# code 1 where anything differs, 77 where models and data (QFI_SHARED, else ../shared beside the checkout) are missing.
#
# Compared are results, tables of faults, journals, printed tables, plans, exports, replays, reports, comparisons and
# neurons' vulnerability; of two campaigns also shards that NEW_QFI merges with its whole run. Samples with a `budget`
# depend on the machine's speed and are left out. What may differ stands in compare_runs.py.
#
# WORK_FOLDER (identity-results) keeps all that was written, in base, new and made. With --reuse-base the base's part is
# taken from there wherever the same call made it, whichever program that was. --only runs the checks whose names match.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
reuse=no only='*'
while [[ ${1-} == --* ]]; do
  case $1 in
    --reuse-base) reuse=yes ;;
    --only) only=$2; shift ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
  shift
done
[[ $# -eq 2 || $# -eq 3 ]] || { grep -m1 '^# same_results.sh' "$0" | cut -c3- >&2; exit 2; }
base=$(realpath -e "$1") new=$(realpath -e "$2") work=$(realpath -m "${3:-identity-results}")
# Configs are read from other folders than they stand in.
QFI_ROOT=$(cd "$here/../.." && pwd)
QFI_SHARED=$(realpath -m "${QFI_SHARED:-$QFI_ROOT/../shared}")
QFI_MADE=$work/made
export QFI_ROOT QFI_SHARED QFI_MADE
[[ -d $QFI_SHARED/data/models ]] || { echo "skipped: no models in $QFI_SHARED/data; set QFI_SHARED"; exit 77; }
mkdir -p "$work/base" "$work/new" "$QFI_MADE"
/usr/bin/python3 "$here/compare_runs.py" inputs "$QFI_MADE"
same=0 different=0

# keep FILE COMMAND..: in FILE what the command prints, beside it its messages and exit code, which is returned.
keep() {
  local file=$1 code=0
  shift
  "$@" >"$file" 2>"${file%.*}.err" || code=$?
  echo "$code" >"${file%.*}.code"
  return "$code"
}

# leave_KIND QFI THREADS NAME ARGUMENT..: fills the folder NAME in the current one, which is the program's own.
leave_campaign() {
  local qfi=$1 threads=$2 name=$3 sets set
  shift 3
  keep "$name/plan.json" "$qfi" plan "$@" --threads "$threads" --json || true
  keep "$name/campaign.txt" "$qfi" campaign "$@" --threads "$threads" --cache "$work/cache" --restart --quiet \
    -o "$name" || return 0
  sets=$(grep -c '^   "name": ' "$name/results.json") || true
  for ((set = 0; set < sets; ++set)); do  # a product table's set has no table of faults and is refused
    keep "$name/set$set.csv" "$qfi" export "$name/results.json" --set "$set" || true
    keep "$name/lines$set.jsonl" "$qfi" export "$name/results.json" --set "$set" --format jsonl || true
  done
}
leave_nvf() {
  keep "$3/nvf.txt" "$1" nvf "${@:4}" --threads "$2" -o "$3/nvf.csv" || true
}
leave_replay() {
  keep "$3/replay.json" "$1" replay "$4/results.json" "${@:5}" --json || true
}
leave_compare() {
  keep "$3/compare.json" "$1" compare "$4/results.json" "$5/results.json" --json --junit "$3/junit.xml" \
    --markdown "$3/summary.md" || true
}
# The base's results for both, as versions stand on the page; only the schema is what the program itself writes.
leave_report() {
  local qfi=$1 name=$3 result files=()
  for result in "${@:4}"; do
    mkdir -p "$name/$result"
    cp "$work/base/$result"/faults*.csv "$name/$result" 2>/dev/null || true
    sed "s|^ \"schema\": .*|$(grep -m1 '^ "schema": ' "$result/results.json")|" "$work/base/$result/results.json" \
      >"$name/$result/results.json" || true
    files+=("$name/$result/results.json")
  done
  keep "$name/report.txt" "$qfi" report "${files[@]}" -o "$name/report.html" || true
}

# call_of KIND NAME ARGUMENT..: what the outcome depends on beside the program: arguments, wherever the checkout is, and the contents of files.
call_of() {
  local argument file
  echo "$1"
  for argument in "${@:3}"; do
    echo "${argument##*/}"
    for file in "$argument" "$work/base/$argument/results.json"; do
      [[ ! -f $file ]] || sha256sum <"$file"
    done
  done
}

# leave SIDE QFI THREADS KIND NAME ARGUMENT..
leave() {
  local folder=$work/$1/$5 call
  call=$(call_of "${@:4}")
  [[ $1 == new || $reuse == no || $(cat "$folder/call.txt" 2>/dev/null) != "$call" ]] || return 0
  rm -rf "$folder"
  mkdir -p "$folder"
  { TIMEFORMAT=%U; time (cd "$work/$1" && "leave_$4" "$2" "$3" "${@:5}"); } 2>"$folder/seconds.txt"
  echo "$call" >"$folder/call.txt"
}

# verdict NAME FOLDER FOLDER [SECONDS]: the line, counted.
verdict() {
  local line
  if line=$(/usr/bin/python3 "$here/compare_runs.py" compare "$2" "$3"); then
    same=$((same + 1))
  else
    different=$((different + 1))
  fi
  printf '%-44s %s%s\n' "$1" "$line" "${4:+ ($4)}"
}

# check KIND NAME ARGUMENT..
check() {
  # shellcheck disable=SC2053
  [[ $2 == $only ]] || return 0
  leave base "$base" 1 "$@"
  leave new "$new" 2 "$@"
  verdict "$2" "$work/base/$2" "$work/new/$2" \
    "$(tail -qn 1 "$work/base/$2/seconds.txt" "$work/new/$2/seconds.txt" | paste -sd' ') s"
}

# shards NAME CONFIG: two parts of the campaign, merged.
shards() {
  # shellcheck disable=SC2053
  [[ $1_in_shards == $only ]] || return 0
  local folder=$work/new/$1 part
  rm -rf "$folder".{whole,merged,part1,part2}
  for part in 1 2; do
    "$new" campaign "$2" --threads 1 --quiet --restart --cache "$work/cache" --shard "$part/2" -o "$folder.part$part" \
      >/dev/null || true
  done
  "$new" merge "$2" "$folder".part{1,2} -o "$folder.merged" >/dev/null || true
  mkdir "$folder.whole"
  cp "$folder"/{results.json,journal.sqlite} "$folder.whole" || true
  cp "$folder"/faults*.csv "$folder.whole" 2>/dev/null || true
  verdict "$1_in_shards" "$folder.whole" "$folder.merged"
}

# shorter NAME CONFIG EDIT OPTION..: a campaign of the project's own, its config edited by sed.
shorter() {
  # shellcheck disable=SC2016
  sed -E -e 's#(: )(demo/[a-z.]+)#\1"${QFI_ROOT}/campaigns/\2"#g' \
    -e 's#(netlist: )(\.\./)+(netlists/[a-z_.]+)#\1"${QFI_ROOT}/\3"#' -e "$3" "$2" >"$QFI_MADE/$1.yaml"
  check campaign "$1" "$QFI_MADE/$1.yaml" "${@:4}"
}

mnist=$QFI_SHARED/data/mnist demo=$QFI_ROOT/campaigns/demo
check nvf shapes_nvf "$demo/shapes.tflite" --data "$demo/images.npy" --labels "$demo/labels.npy" --select first:1
check nvf lenet5_nvf "$QFI_SHARED/data/models/lenet5_valid_mnist_int8.tflite" \
  --data "$mnist/t10k-images-idx3-ubyte.gz" --labels "$mnist/t10k-labels-idx1-ubyte.gz" --scale 0.00392156862745098 \
  --mean 0 --select list:8
for name in shapes lenet5; do
  [[ ! -f $work/base/${name}_nvf/nvf.csv ]] || cp "$work/base/${name}_nvf/nvf.csv" "$QFI_MADE/${name}_nvf.csv"
done

for config in "$here"/campaigns/*.yaml; do check campaign "$(basename "$config" .yaml)" "$config"; done

studies=$QFI_ROOT/campaigns
shorter demo "$studies/demo.yaml" 's/first: 200/first: 10/'
for config in "$studies"/study_a/*.yaml; do
  shorter "a_$(basename "$config" .yaml)" "$config" 's/margin: 0.03/margin: 0.3/; s/verify: 8/verify: 0/' \
    --define QFI_IMAGES=2
done

fewer='s/margin: 0.1/margin: 0.3/'
for set in alexnet_weights alexnet_data resnet18_weights resnet18_pruned_weights; do
  shorter "b_$set" "$studies/study_b/$set.yaml" "$fewer" --define QFI_IMAGES=2
done
for set in alexnet_weights alexnet_data; do
  shorter "b_${set}_top_2" "$studies/study_b/$set.yaml" "$fewer" --define QFI_IMAGES=1 --define QFI_TOP_BITS=2
  shorter "b_${set}_bare_4" "$studies/study_b/$set.yaml" "$fewer" --define QFI_IMAGES=1 --define QFI_BARE_BITS=4
done

for net in mlp7 lenet5; do
  for protection in split_lcu tmr; do
    for threshold in 0 0.02; do
      shorter "c_${net}_${protection}_$threshold" "$studies/study_c/$net.yaml" 's/margin: 0.01/margin: 0.03/' \
        --define QFI_IMAGES=10 --define "QFI_PROTECTION=$protection" --define "QFI_THRESHOLD=$threshold" \
        --define "QFI_NEURONS_FILE=$QFI_MADE/${net}_nvf.csv"
    done
  done
done

# As study_d/run.sh makes it, with some quarter of the layers.
# shellcheck disable=SC2016
mixed='s/storage: \{[^}]*\}[^}]*\}[^}]*\}/storage: [{width: "${QFI_WIDTH=3}"}, {layers: [0, 4], width: "${QFI_WIDTH=3}", protection: triplicated}]/'
for net in resnet18 alexnet; do
  shorter "d_${net}_search" "$studies/study_d/${net}_search.yaml" '' --define QFI_IMAGES=2 --define QFI_GENERATIONS=2
  shorter "d_${net}_layers" "$studies/study_d/${net}_layers.yaml" '' --define QFI_IMAGES=2 --define QFI_FLIPS=4
done
few=(--define QFI_IMAGES=2 --define QFI_MOST=30)
for width in 3 4 5; do
  rates=$studies/study_d/resnet18_rates.yaml
  shorter "d_resnet18_plain_$width" "$rates" '' "${few[@]}" --define "QFI_WIDTH=$width"
  shorter "d_resnet18_tripled_$width" "$rates" '' "${few[@]}" --define "QFI_WIDTH=$width" --define QFI_PROTECTION=triplicated
  shorter "d_resnet18_heterogeneous_$width" "$rates" "$mixed" "${few[@]}" --define "QFI_WIDTH=$width"
done
shorter d_alexnet_plain_3 "$studies/study_d/alexnet_rates.yaml" 's/, 1e-4, 1e-3, 1e-2//' "${few[@]}"

for config in "$studies"/study_e/*.yaml; do
  shorter "e_$(basename "$config" .yaml)" "$config" '' --define QFI_IMAGES=1 --define QFI_FLIPS=2
done

# A fault of each kind of set, one trial again.
while read -r name arguments; do
  # shellcheck disable=SC2086
  check replay "replay_${name}_${arguments//[^0-9]/}" "$name" $arguments
done <<'END'
stuck_at_pins --fault 3 --image 1
uint8_network --set 1 --fault 2 --image 1
product_table --set 1 --fault 0 --image 2
data_stages --set 0 --fault 4 --image 3
data_stages --set 1 --fault 4 --image 3
data_stages --set 2 --fault 4 --image 3
data_stages --set 3 --fault 4 --image 3
stored_stuck_at --set 1 --fault 7 --image 5
simultaneous --set 2 --fault 1 --image 2
storage_mixed --fault 9 --image 0
compare_unprotected --set 3 --fault 2 --image 1
mask_narrow --fault 11 --image 1
paired --set 2 --fault 40
error_rates --set 0 --fault 25 --image 4
genetic --fault 13 --image 2
lists --set 0 --fault 2 --image 6
int16_network --set 0 --fault 3 --image 1
float_network --set 1 --fault 3 --image 1
segmentation_nan --set 1 --fault 2 --image 0
END

check compare compare_netlists a_resnet18_raw_adders a_resnet18_raw_gates
check compare compare_same_faults c_lenet5_tmr_0 c_lenet5_split_lcu_0
check compare compare_protections b_alexnet_data_top_2 b_alexnet_data_bare_4
check compare compare_rates d_resnet18_plain_3 d_resnet18_tripled_3
check compare compare_maps e_unet_relu_int8 e_unet_sigmoid_int8

check report report_stuck_at demo stuck_at_sequential product_table
check report report_bits layers paired compare_unprotected combined
check report report_searches genetic error_rates d_resnet18_plain_3
check report report_maps segmentation_stuck_at segmentation_bits segmentation_nan

shards combined "$here/campaigns/combined.yaml"
shards paired "$here/campaigns/paired.yaml"

echo "$((same + different)) checks: $same same, $different different"
[[ $different -eq 0 ]]

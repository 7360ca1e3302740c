#!/bin/bash
# Do the answers on this machine's GPU equal those on its CPU, and how much faster do they come?
#
# Usage: scripts/gpu-check.sh [MODEL ...]      catalogue ids; smollm2-135m and qwen2.5-coder-0.5b by default
#
# Builds llama-cpp-python with CUDA into .make/gpu (once; it takes 10 to 30 minutes), asks the sixty cases of
# routing60 under json, score and, where a router ships, probe, on the GPU and then on the CPU, compares, and
# writes benchmarks/results/gpu-NAME.md, NAME being that of the GPU.
#
# GPU_PYTHON=/path/to/python uses an environment with routerlab and a GPU build that is already there, of any
# back end. GPU_OPTIONS goes to the GPU's run, for example "--device CUDA1". PYTHON makes the environment.
#
# Exit codes: 0 same labels, and probabilities within 0.02; 1 they differ; 2 usage;
# 3 no nvcc, no GPU, or the build or a model could not be had.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in -*) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 2 ;; esac
models=("$@")
[ $# -gt 0 ] || models=(smollm2-135m qwen2.5-coder-0.5b)
work=.make/gpu

python=${GPU_PYTHON:-}
if [ -z "$python" ]; then
  if ! command -v nvcc > /dev/null; then
    echo "gpu-check: no nvcc here: install the CUDA toolkit, or name a GPU build with GPU_PYTHON" >&2
    exit 3
  fi
  if ! nvidia-smi -L > /dev/null 2>&1; then
    echo "gpu-check: nvcc is here, but nvidia-smi finds no GPU" >&2
    exit 3
  fi
  python=$work/venv/bin/python
  if [ ! -e "$work/built" ]; then
    "${PYTHON:-python3}" -m venv "$work/venv" || exit 3
    # Without the cache: a wheel of the CPU build may lie there.
    CMAKE_ARGS="-DGGML_CUDA=on ${CMAKE_ARGS:-}" PIP_NO_CACHE_DIR=1 \
      "$python" scripts/build_llama.py constraints.txt "$work/llama.log" || exit 3
    "$python" -m pip install --disable-pip-version-check -q -c constraints.txt -e . || exit 3
    touch "$work/built"
  fi
fi
mkdir -p "$work"
lab=("$python" -m routerlab)

"${lab[@]}" doctor --format json > "$work/doctor.json"
name=$("$python" - "$work/doctor.json" << 'EOF'
import json, re, sys

build = json.load(open(sys.argv[1]))["build"]
gpus = [d for d in build["devices"] if d["kind"] in ("gpu", "igpu")] if build and build["gpu"] else []
print(re.sub(r"[^a-z0-9]+", "-", gpus[0]["description"].lower()).strip("-") if gpus else "")
EOF
)
if [ -z "$name" ]; then
  echo "gpu-check: this build of llama.cpp finds no GPU: see $work/doctor.json" >&2
  exit 3
fi

"${lab[@]}" models pull "${models[@]}" || exit 3
arms=()
for model in "${models[@]}"; do
  arms+=(--arm "$model:json" --arm "$model")
  [ ! -e "routers/$model.toml" ] || arms+=(--arm "$model:probe")
done

# Times are no use beside another program's, and a session that is there already would be gone on with.
rm -f "$work"/gpu.toml "$work"/cpu.toml
read -ra options <<< "${GPU_OPTIONS:-}"
# ${x[@]+...}: an empty array is unset for the bash of macOS.
"${lab[@]}" replay "${arms[@]}" ${options[@]+"${options[@]}"} --session "$work/gpu.toml" --format json > "$work/gpu.json"
"${lab[@]}" replay "${arms[@]}" --layers 0 --session "$work/cpu.toml" --format json > "$work/cpu.json"
"$python" scripts/gpu_compare.py "$work/gpu.toml" "$work/cpu.toml" "benchmarks/results/gpu-$name.md"

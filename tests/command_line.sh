#!/usr/bin/env bash
# The commands of the tool, as a user types them: what they print and how they fail. Ends with "N passed, N failed".
#   tests/command_line.sh build/cpu/bin/tamis
set -uo pipefail
tamis=$(realpath "${1:?path of the tamis program}")
cd "$(dirname "$0")/.." || exit 2
exec < /dev/null
export OMP_NUM_THREADS=1  # the model is tiny, and threads that spin are slow on a busy machine
model=$PWD/models/tiny-v32
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

# verdict OK WHAT WANTED STATUS: one check; where it failed, the output that is in $output
verdict() {
  if [[ $1 == yes ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $2: exit $4, expected $3"
    head -n 20 <<< "$output"
  fi
}

check() {  # check EXIT_CODE PATTERN COMMAND…: the exit code, and a line of the output that matches
  local code=$1 pattern=$2 status ok=no
  shift 2
  output=$(timeout 60 "$@" 2>&1)
  status=$?
  if [[ $status -eq $code ]] && grep -qE -- "$pattern" <<< "$output"; then ok=yes; fi
  verdict $ok "$*" "$code, and a line like: $pattern" $status
}

refuses() {  # refuses PATTERN ARGUMENT…: exit code 1, nothing on stdout, and one line of stderr, which matches
  local pattern=$1 status ok=no
  shift
  output=$(timeout 60 "$tamis" "$@" 2> "$folder/stderr")
  status=$?
  [[ -n $output ]] || ok=yes
  output+=$(< "$folder/stderr")
  if [[ $status -ne 1 || $(wc -l < "$folder/stderr") -ne 1 ]]; then ok=no; fi
  grep -qE -- "^tamis: .*$pattern" <<< "$output" || ok=no
  verdict $ok "tamis $*" "1, and nothing but a line like: $pattern" $status
}

answers() {  # answers TEXT COMMAND…: exit code 0, and TEXT on stdout, whatever the log says
  local text=$1 status ok=no
  shift
  output=$(timeout 60 "$@" 2> /dev/null)
  status=$?
  if [[ $status -eq 0 && $output == "$text" ]]; then ok=yes; fi
  verdict $ok "$*" "0, and on stdout: $text" $status
}

json() {  # json EXPRESSION COMMAND…: exit code 0, and of the JSON j on stdout the Python expression holds
  local expression=$1 status ok=no
  shift
  output=$(timeout 60 "$@" 2> /dev/null)
  status=$?
  if [[ $status -eq 0 ]] &&
    python3 -c 'import json, sys; j = json.load(sys.stdin); sys.exit(not eval("(" + sys.argv[1] + ")"))' "$expression" <<< "$output"
  then ok=yes; fi
  verdict $ok "$*" "0, and JSON with: $expression" $status
}

backend_is_here() { "$tamis" devices --json | python3 -c '
import json, sys
sys.exit(not any(b["backend"] == sys.argv[1] for b in json.load(sys.stdin)))' "$1"; }

# ---- the commands and their arguments. Wrong usage: CLI11 exit codes, above 100.
commands=(run chat logits eval explain devices docs inspect tokenize detokenize chat-encode chat-parse)
help=$("$tamis" --help)
for command in "${commands[@]}"; do
  check 0 "^  $command  " echo "$help"
  check 0 "^Usage: .*tamis $command " "$tamis" "$command" --help
done
check 106 "required" "$tamis"
check 106 "required" "$tamis" no-such-command
check 106 "required" "$tamis" eval
check 106 "ids.* required" "$tamis" logits --out x
check 109 "not expected: --no-such" "$tamis" devices --no-such
check 105 "f16 not in" "$tamis" run -p x --activations f16
check 105 "0 not in range 1 to 2147483647$" "$tamis" run -p x --context 0
check 105 "-1 not in range" "$tamis" run -p x --temperature -1
check 105 "many not in range" "$tamis" run -p x --context many

# ---- inspect
check 0 "deepseek-v3.2" "$tamis" inspect models/tiny-v32
check 0 "^parameters +14.61 M main" "$tamis" inspect
json 'j["architecture"]["indexer"]["topk"] == 128 and j["cache_bytes_per_token"]["fp8"]["main"] == 3152' \
  "$tamis" inspect --json
json '670e9 < j["parameters"]["main"]["total"] < 673e9 and j["architecture"]["layers"] == 61' \
  "$tamis" inspect --random deepseek-v3.2 --json
refuses "num_hidden_layers: .*found 9999" inspect --random glm-5 --layers 9999
refuses "no-such: expected deepseek-v3, " inspect --random no-such
refuses "takes the place of MODEL" inspect --random glm-5 models/tiny-v32
refuses "layers: needs --random" inspect --layers 2

# ---- text: tokenize, detokenize, chat-encode, chat-parse
json 'j == [[1617, 271, 328], []]' "$tamis" tokenize <<< '["What is", ""]'
json 'j == ["What is", ""]' "$tamis" detokenize "$model" <<< '[[1617, 271, 328], []]'
refuses 'stdin: \[1\]: expected a string, found null' tokenize <<< '["a", null]'
refuses 'stdin: expected an array' tokenize <<< '{}'
refuses 'stdin: not valid JSON: .*line 2, column 1' tokenize <<< '{'
refuses 'nested deeper' tokenize <<< "$(printf '[%.0s' {1..100000})"
refuses 'not valid JSON' tokenize <<< $'["\xff"]'
refuses '99999 is not a token id' detokenize <<< '[[99999]]'
refuses 'expected a token id, found 1.5' detokenize <<< '[[1.5]]'
refuses 'expected a token id, found 99999999999999999999' detokenize <<< '[[99999999999999999999]]'
check 0 '^<｜begin▁of▁sentence｜>Be brief.<｜User｜>Hi<｜Assistant｜></think>$' \
  "$tamis" chat-encode <<< '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]'
check 0 '<｜Assistant｜><think>$' "$tamis" chat-encode --thinking <<< '[{"role": "user", "content": "Hi"}]'
refuses "messages\[0\].role: 'x'" chat-encode <<< '[{"role": "x", "content": "y"}]'
refuses 'messages: expected an array, found object' chat-encode <<< '{}'
json 'j["content"] == "It is Paris." and j["tool_calls"] == []' \
  "$tamis" chat-parse < <(printf 'It is Paris.<｜end▁of▁sentence｜>')
json 'j["reasoning_content"] == "Hm." and j["content"] == "Yes."' \
  "$tamis" chat-parse --thinking < <(printf 'Hm.</think>Yes.<｜end▁of▁sentence｜>')
refuses 'completion: byte 0: expected .* found .cut' chat-parse < <(printf 'cut')

# ---- run and chat
question="What is the capital of France?"
paris="The capital of France is Paris."
answers "$paris" "$tamis" run -p "$question" --temperature 0
check 0 "decode 1 tokens.*token limit; rows: .*no fallbacks$" "$tamis" run models/tiny-v32 -f - -n 2 <<< "$question"
answers "The capital of " "$tamis" run -p "$question" --temperature 0 --stop France --system ""
answers "$paris" "$tamis" run --raw --temperature 0 \
  -p "<｜begin▁of▁sentence｜><｜User｜>$question<｜Assistant｜></think>"
json 'len([e for e in j["traceEvents"] if e.get("ph") == "X"]) > 50' \
  bash -c "'$tamis' run -p x -n 2 --trace '$folder/trace.json' > /dev/null 2>&1 && cat '$folder/trace.json'"
refuses "no prompt" run
refuses "no-such-file: cannot be opened" run -f no-such-file
refuses "expected at least 1, found -5" run -p x -n -5
refuses "stop string 0 is empty" run -p x --stop ""
refuses "needs .* GB \(weights .*, cache of 2147483647 tokens .*, activations .*\), cpu:0 .* has .* GB free" run -p x --context 2147483647
refuses "no tokenizer" run -p x --random deepseek-v3
greeting="/clear forgets the conversation, /quit ends it."
answers "$greeting"$'\n'"> $paris"$'\n'"> " "$tamis" chat --temperature 0 \
  < <(printf '%s\n' "$question" /quit "never read")
check 0 "^\[prefill 1 tokens" "$tamis" chat --temperature 0 -n 2 < <(printf '%s\n' "$question" /clear "$question")
answers "$greeting"$'\n'"> " "$tamis" chat

# ---- logits and eval
echo '{"input_ids": [[0, 1617, 271, 328, 5, 6, 7, 8]]}' > "$folder/ids.json"
echo '{"input_ids": [[999999]]}' > "$folder/far.json"
echo '{"input_ids": [[1, -2]]}' > "$folder/negative.json"
echo '{"input_ids": [[1, 2], [3]]}' > "$folder/ragged.json"
echo '{"input_ids": []}' > "$folder/none.json"
printf '{' > "$folder/broken.json"
header="import json, struct, sys; f = sys.stdin.buffer; print(f.read(struct.unpack('<Q', f.read(8))[0]).decode())"
json 'j["logits"]["shape"] == [1, 8, 3072] and j["hidden_4"]["shape"] == [1, 8, 256] and
  j["mtp_logits"]["shape"] == [1, 7, 3072]' bash -c \
  "'$tamis' logits --ids '$folder/ids.json' --out '$folder/out' --hidden --mtp && python3 -c \"$header\" < '$folder/out'"
check 0 "^$" "$tamis" logits --ids "$folder/ids.json" --out "$folder/chunked" --chunks 3,1
refuses "token id 999999: expected 0 to 3071" logits --ids "$folder/far.json" --out "$folder/no"
refuses 'input_ids\[0\]\[1\]: expected a token id' logits --ids "$folder/negative.json" --out "$folder/no"
refuses "one length, found 2 and 1" logits --ids "$folder/ragged.json" --out "$folder/no"
refuses "no tokens" logits --ids "$folder/none.json" --out "$folder/no"
refuses "broken.json: not valid JSON" logits --ids "$folder/broken.json" --out "$folder/no"
refuses "chunk size 0" logits --ids "$folder/ids.json" --out "$folder/no" --chunks 0
refuses "cannot be written" logits --ids "$folder/ids.json" --out "$folder/no/such/folder"
check 2 "No such file" ls "$folder/no"
json 'j["tokens"] == 6 and j["windows"] == 2 and j["perplexity"] > 1 and j["attention"] == "sparse"' \
  "$tamis" eval ppl --ids "$folder/ids.json" --window 3 --json
check 0 "^perplexity .* dense attention" "$tamis" eval ppl --ids "$folder/ids.json" --window 7 --attention dense
refuses "no row holds a window: one takes 2049 ids" eval ppl --ids "$folder/ids.json"
json 'j["lengths"][0]["accuracy"] == 1 and j["keys"] == 1' \
  "$tamis" eval passkey --lengths 200 --samples 1 --keys 1 --json
refuses "0 keys: expected 1 to 16" eval passkey --lengths 200 --keys 0
refuses "question alone take" eval passkey --lengths 5

# ---- devices, explain, and devices that are not here
json 'j[0]["backend"] == "cpu" and j[0]["devices"][0]["units"] > 0 and all(b["devices"] or b["why_none"] for b in j)' \
  "$tamis" devices --json
check 0 "^cpu:0 .*GiB free$" "$tamis" devices
check 0 "\* cpu\.embed\.portable +chosen" "$tamis" explain
json 'all(n["row"].startswith("cpu.") and n["fallback"] == "none" and n["rows"] for n in j["nodes"]) and
  {"embed", "indexer_topk", "sparse_mla", "moe_experts"} <= {n["op"] for n in j["nodes"]}' \
  "$tamis" explain --json --batch "mixed:new=512,prefix=0;new=1,prefix=3000"
check 0 "cpu\.linear\.openblas +kernel cpu\.linear\.portable was asked for" \
  "$tamis" explain --batch extend:new=64 --kernel linear=cpu.linear.portable
# The policy's families by phase, and dense prefill where it is asked for; one level, as the first row is the CPU's.
attention='[n["row"] for n in j["nodes"] if n["op"] in ("sparse_mla", "mha_prefill")][0]'
json "$attention == 'cpu.sparse_mla.portable'" "$tamis" explain --json --prefill-backend portable --batch extend:new=64,prefix=256
json "$attention == 'cpu.sparse_mla.openblas'" env TAMIS_CPU_ISA=portable "$tamis" explain --json --prefill-backend portable
check 0 "cpu.sparse_mla.portable +chosen, as portable" "$tamis" explain --decode-backend portable
check 0 "cpu.sparse_mla.openblas +portable was asked for" "$tamis" explain --decode-backend portable
check 0 "no row that takes this carries the family flashmla_kv" "$tamis" explain --decode-backend flashmla_kv
json 'j["policy"]["auto"]["families"]["sparse_mla"] == "flashmla_kv" and
  {n["asked_family"] for n in j["nodes"] if n["op"] == "sparse_mla"} == {"flashmla_kv"}' \
  "$tamis" explain --json --decode-backend flashmla_kv
refuses 'decode-backend: expected one of flashmla_sparse .*found "fast"; families .*: .*openblas, portable' \
  explain --decode-backend fast
json "$attention == 'cpu.mha_prefill.openblas'" \
  env TAMIS_CPU_ISA=portable "$tamis" explain --json --dense-prefill-threshold 128 --batch extend:new=64,prefix=64
json "$attention == 'cpu.sparse_mla.openblas'" \
  env TAMIS_CPU_ISA=portable "$tamis" explain --json --dense-prefill-threshold 128 --batch extend:new=64,prefix=65
check 105 "dense-prefill-threshold: Value -1 not in range" "$tamis" explain --dense-prefill-threshold -1
# Floors: none for a CPU, unless bench has measured it.
check 0 "^ceilings of the device: none known$" "$tamis" explain
json 'j["total"]["floor_us"] is None and j["total"]["flops"] > 0 and
  all(n["floor_us"] is None and n["floor_by"] == "no ceiling known" for n in j["nodes"] if n["bytes"] > 0)' \
  "$tamis" explain --json
"$tamis" devices --json | python3 -c '
import json, sys
name = [b for b in json.load(sys.stdin) if b["backend"] == "cpu"][0]["devices"][0]["name"]
print(json.dumps([{"device": name, "copy_gbs": 10, "read_gbs": 20, "matrix_tflops": 1},
                  {"device": "another", "copy_gbs": 900, "matrix_tflops": 900}]))' > "$folder/ceilings.json"
json 'j["ceilings"]["device"]["memory_gbs"] == 20 and j["ceilings"]["device"]["source"] == "measured by tamis bench" and
  all(abs(n["floor_us"] - max(n["bytes"] / 20e3, n["flops"] / 1e6)) <= 1e-6 * n["floor_us"]
      for n in j["nodes"] if n["bytes"] > 0) and
  abs(j["total"]["floor_us"] - sum(n["floor_us"] or 0 for n in j["nodes"])) < 1e-3' \
  "$tamis" explain --json --ceilings "$folder/ceilings.json"
refuses "ids.json: expected the array of rows of .tamis bench op -o json., found an object" \
  explain --ceilings "$folder/ids.json"
refuses "no-such.json: cannot be opened" explain --ceilings no-such.json
refuses "no kernel takes linear .*kernel no-such was asked for" explain --kernel linear=no-such
refuses "kernel no-such=x: expected OP=ROW" explain --kernel no-such=x
refuses "ids.json: input_ids: expected an op" explain --kernel-table "$folder/ids.json"
refuses "batch no-such: expected extend" explain --batch no-such
refuses "every sequence needs new >= 1" explain --batch extend:new=0
refuses "prefix: expected 0 to 2147483647, found" explain --batch extend:new=1,prefix=9223372036854775807
refuses "cache_tokens: expected 1 to 2147483647" explain --batch extend:new=2000000000,prefix=2000000000
refuses "device no-such: .*known: cpu, .*to explain for: .*gfx942.*sm100" explain --device no-such
refuses "device no-such: .*known: cpu, [^;]+$" run -p x --device no-such
refuses "cpu:7: the backend has 1 device" run -p x --device cpu:7
refuses "cpu:x: expected BACKEND or BACKEND:NUMBER" run -p x --device cpu:x
refuses "stands in for a device that is not here" run -p x --device sm90
# A capability is planned for where its backend was built, without a device of the kind.
for pair in sm100:cuda gfx942:hip; do
  if backend_is_here "${pair#*:}"; then
    json "any(n['row'].startswith('${pair#*:}.') for n in j['nodes']) and
      all(n['floor_us'] > 0 for n in j['nodes'] if n['on'] == 'device' and n['bytes'] > 0) and
      'data sheet' in j['ceilings']['device']['source'] and 'sparse_mla' in j['policy']['mirror']['families']" \
      "$tamis" explain --json --device "${pair%:*}"
  else
    refuses "${pair%:*}: its backend ${pair#*:} is not here" explain --device "${pair%:*}"
  fi
done
# The ops that cost the most run on matrix units on every AMD architecture that is compiled for; products of few rows read
# packed weights 16 bytes a lane.
if backend_is_here hip; then
  hot='{"linear", "indexer_topk", "sparse_mla", "dense_mla", "moe_experts"}'
  for pair in gfx90a:mfma_gfx9 gfx942:mfma_gfx9 gfx950:mfma_gfx9 gfx1100:wmma_gfx11 gfx1201:wmma_gfx12; do
    for run in deepseek-v3.2:extend:new=4096,prefix=60000 deepseek-v3.2:decode:new=1,prefix=64000 deepseek-v3:decode:new=1,prefix=64000; do
      few=$([[ $run == *decode* ]] && echo '{"linear", "moe_experts"}' || echo 'set()')
      json "not j['decomposed'] and not j['host_rows'] and len($hot & {n['op'] for n in j['nodes']}) >= 3 and
        not [n['row'] for n in j['nodes'] if n['op'] in $hot - $few and '${pair#*:}' not in n['row']
             and not (n['op'] == 'linear' and 'e4m3' not in n['shapes'])] and
        not [n['row'] for n in j['nodes'] if n['op'] in $few and 'e4m3' in n['shapes']
             and not n['row'].endswith('.packed_decode')]" \
        "$tamis" explain --json --device "${pair%:*}" --batch "${run#*:}" --random "${run%%:*}" --layers 4
    done
  done
fi
# The ops that cost the most run on matrix units on every NVIDIA architecture, with what "auto" stands for there. The
# families that SGLang asks for on Blackwell are rows for it.
if backend_is_here cuda; then
  v32=(--random deepseek-v3.2 --layers 4)
  long=extend:new=4096,prefix=60000
  for arch in sm80 sm86 sm89 sm90 sm100 sm103 sm120 sm121; do
    for batch in decode:new=1,prefix=64000 $long; do
      for given in "${v32[*]}" ""; do
        read -r -a words <<< "$given"
        json 'not j["decomposed"] and not j["host_rows"] and
          {"linear", "indexer_topk", "sparse_mla", "moe_experts"} <= {n["op"] for n in j["nodes"]} and
          not [n["row"] for n in j["nodes"] if n["op"] in ("linear", "indexer_topk", "sparse_mla", "moe_experts")
               and "mma_sm" not in n["row"] and n["row"] != "cuda.linear.cublaslt"
               and not (n["op"] == "linear" and "e4m3" not in n["shapes"])]' \
          "$tamis" explain --json --device $arch --batch $batch "${words[@]}"
      done
    done
  done
  # Products of e4m3 by mma.sync, but for Ampere, which has none, and Hopper, which has better.
  products='{(n["op"], n["row"].split(".")[-1]) for n in j["nodes"]
             if n["op"] in ("indexer_topk", "moe_experts") or (n["op"] == "linear" and "e4m3" in n["shapes"])}'
  for batch in decode:new=1,prefix=64000 $long; do
    for device in sm89 sm100 sm103 sm120 sm121 rtx4090 rtx5090; do
      json "$products == {('linear', 'mma_sm89_fp8'), ('indexer_topk', 'stream_mma_sm89_fp8'),
                          ('moe_experts', 'mma_sm89_fp8')}" \
        "$tamis" explain --json "${v32[@]}" --device $device --batch $batch
    done
    for device in sm80 sm86 rtx3090; do
      json "$products == {('linear', 'mma_sm80'), ('indexer_topk', 'stream_mma_sm80_bf16'),
                          ('moe_experts', 'mma_sm80')}" \
        "$tamis" explain --json "${v32[@]}" --device $device --batch $batch
    done
  done
  check 0 "^   \* cuda.linear.mma_sm89_fp8 +chosen" "$tamis" explain "${v32[@]}" --device sm90 --kernel linear=mma_sm89_fp8
  attention='{(n["row"].split(".")[-1], n["asked_family"], n["asked_family"] in n["families"].split())
              for n in j["nodes"] if n["op"] == "sparse_mla"}'
  for arch in sm100 sm103; do
    json "$attention == {('split_mma_sm90_h64_fp8', 'trtllm', True)}" \
      "$tamis" explain --json "${v32[@]}" --device $arch --batch $long
  done
  for pair in sm80:split_mma_sm80_h64_bf16 sm89:split_mma_sm80_h16_bf16 sm90:split_wgmma_sm90_h64_bf16 \
    sm100:split_mma_sm90_h64_bf16 sm120:split_mma_sm80_h16_bf16; do
    json "$attention == {('${pair#*:}', 'flashmla_sparse', True)}" "$tamis" explain --json "${v32[@]}" \
      --device ${pair%:*} --batch $long --kv-cache bf16 --prefill-backend flashmla_sparse
  done
fi
refuses "device null: the null backend has no hardware" run -p x --device null
null=(env TAMIS_NULL_DEVICE=1 "$tamis")
check 0 "^null:0  null device" "${null[@]}" devices
json 'all(n["fallback"] != "none" for n in j["nodes"])' "${null[@]}" explain --json --device null
check 1 "^tamis: no kernel takes embed .*no rows for this op$" "${null[@]}" explain --strict --device null
answers "$paris" "${null[@]}" run -p "$question" --temperature 0 --device null
check 1 "^tamis: no kernel takes embed" "${null[@]}" run -p x --strict --device null
check 0 "no fallbacks$" "$tamis" run -p x -n 1 --strict

# ---- parity of kernel rows
pass="^1 passed, 0 failed, 0 skipped$"
check 0 "$pass" "$tamis" parity op --op topk_select --row cpu.topk_select.portable --case 17 --seed 5 --device cpu
check 0 "$pass" "$tamis" parity --op topk_select --row cpu.topk_select.portable --case 17 --seed 5 --device cpu
check 0 "1 cases, 1 with equal bits, 0 failed$" "$tamis" parity op --op topk_select --case 17 --device cpu --device cpu
check 0 "$pass" "$tamis" parity op --op topk_select --row cpu.topk_select.portable --case 17 --device cpu --repeat 5 --no-poison
check 0 "^1 passed, 0 failed" "$tamis" parity op --op topk_select --row cpu.topk_select.portable --device cpu --max-elements 8
refuses "nothing to compare" parity op --op topk_select --device cpu --max-elements 1
check 105 "repeat: Value 0 not in range" "$tamis" parity op --repeat 0
check 0 "passed, 0 failed" "$tamis" parity op --op rms_norm,argmax --device cpu --save "$folder/rows.safetensors" \
  --html "$folder/rows.html" --json "$folder/rows.json"
json 'j["failed"] == 0 and {c["op"] for c in j["cases"]} == {"rms_norm", "argmax"}' cat "$folder/rows.json"
check 0 "</html>" cat "$folder/rows.html"
check 0 " with equal bits, 0 failed$" "$tamis" parity op --op argmax --device cpu --against "$folder/rows.safetensors"
refuses "made with --seed 1, found --seed 2" parity op --seed 2 --device cpu --against "$folder/rows.safetensors"
refuses "seed: expected .* not outputs of parity op" parity op --device cpu \
  --against "$model/model-00001-of-00002.safetensors"
refuses "no op no_such_op" parity op --op no_such_op --device cpu
refuses "nothing to compare" parity op --op rope --case no_such_case --device cpu
refuses "expected one --device, found 0" parity op --save "$folder/x"
refuses "no such folder" parity op --device cpu --expected "$folder/none"
mkdir "$folder/expected"
echo "argmax unsupported a reason" > "$folder/expected/cpu.txt"
check 1 "argmax is unsupported \(a reason\), but cpu.argmax.portable takes .*: change the line" \
  "$tamis" parity op --op argmax --device cpu --expected "$folder/expected"
echo "argmax perhaps" > "$folder/expected/cpu.txt"
refuses 'cpu.txt: line 1: expected "unsupported" or "fails"' parity op --op argmax --device cpu \
  --expected "$folder/expected"

# ---- parity of a layer and of whole models
check 0 "no fallbacks$" "$tamis" parity model --save "$folder/trace.safetensors"
check 0 "^agree$" "$tamis" parity model --against "$folder/trace.safetensors" --chunks 50,1,30
check 1 "^DISAGREE$" "$tamis" parity model --against "$folder/trace.safetensors" --activations bf16
json 'j["agree"] and len(j["hidden"]) == 5 and j["first_greedy_divergence"] == -1' \
  "$tamis" parity model --json --against "$folder/trace.safetensors"
check 0 "^agree$" "${null[@]}" parity model --device null --device cpu
check 0 "^one glm-5 layer of width 6144, 64 heads, a dense MLP of 12288, index_topk 4; " \
  "$tamis" parity layer --config glm-5 --dense --tokens 6 --index-topk 4
refuses "no-such: expected deepseek-v3, " parity layer --config no-such
refuses "nothing to compare with" parity model
refuses "compare two" parity model --device cpu --device cpu --against "$folder/trace.safetensors"
refuses "tensor ids is missing: not a saved trace" parity model --against "$model/model-00001-of-00002.safetensors"

# ---- folders that are no model
mkdir "$folder"/{empty,broken,types,cut,tokenizer,outside}
printf '{' > "$folder/broken/config.json"
sed 's/"hidden_size": 256/"hidden_size": "wide"/' "$model/config.json" > "$folder/types/config.json"
for name in cut tokenizer outside; do
  cp "$model"/*.json "$folder/$name"
  ln -s "$model"/*.safetensors "$folder/$name"
done
shard="model-00001-of-00002.safetensors"
rm "$folder/cut/$shard"
head -c 100000 "$model/$shard" > "$folder/cut/$shard"
printf '{"model":' > "$folder/tokenizer/tokenizer.json"
echo '{"weight_map": {"a": "../a.safetensors"}}' > "$folder/outside/model.safetensors.index.json"
for command in inspect explain "logits --ids $folder/ids.json --out $folder/no" "eval ppl --ids $folder/ids.json"; do
  read -r -a words <<< "$command"
  refuses "no-such-model: expected a folder .*looked at .*/models/no-such-model" "${words[@]}" no-such-model
  refuses "empty: expected a config.json" "${words[@]}" "$folder/empty"
  refuses "broken/config.json: not valid JSON" "${words[@]}" "$folder/broken"
  refuses 'types/config.json: hidden_size: expected an integer .* found "wide"' "${words[@]}" "$folder/types"
  refuses "cut/$shard: " "${words[@]}" "$folder/cut"
  refuses "weight_map: tensor a: expected .* beside the index" "${words[@]}" "$folder/outside"
done
for command in "run -p x" chat "eval passkey" tokenize detokenize; do
  read -r -a words <<< "$command"
  refuses "no/such/model: no such folder" "${words[@]}" no/such/model
  refuses "tokenizer.json: not valid JSON" "${words[@]}" "$folder/tokenizer"
done

check 0 '"prefill_backend": "flashmla_kv"' "$tamis" policy --arch sm90 --kv-cache-dtype fp8_e4m3 --json
check 0 '"prefill_impl": "mha_one_shot"' "$tamis" policy --arch sm90 --batch extend:new=10,prefix=5 --json
check 0 'mirror: trtllm' "$tamis" policy --arch sm120 --model deepseek-v3.2
check 0 'error: HiSparse: --disable-radix-cache' "$tamis" policy --arch sm90 --enable-hisparse
check 0 '"fp8_gemm": "triton"' "$tamis" policy --arch sm89 --model models/tiny-v32 --env SGLANG_ENABLE_SPEC_V2=1 --json
check 1 '--kv-cache-dtype: expected one of auto' "$tamis" policy --arch sm90 --kv-cache-dtype fp9
check 1 '--arch: expected one of a10, gfx1100' "$tamis" policy
check 1 '--rules: expected 2026-04 or 2026-08' "$tamis" policy --arch sm90 --rules 2025
check 1 '--cuda-version: expected MAJOR.MINOR' "$tamis" policy --arch sm90 --cuda-version 12
check 1 '--env X: expected NAME=VALUE' "$tamis" policy --arch sm90 --env X
check 1 'new >= 1' "$tamis" policy --arch sm90 --batch decode:prefix=1

# ---- docs: needs every backend
if backend_is_here cuda && backend_is_here hip && backend_is_here vulkan; then
  mkdir -p "$folder/tree/docs/generated" "$folder/tree/core"
  cp docs/runs.json "$folder/tree/docs"
  cp -r core/ops core/ops.def "$folder/tree/core"
  check 0 "^$" "$tamis" docs --source "$folder/tree"
  check 0 "^$" "$tamis" docs --check --source "$folder/tree"
  check 0 "^## sparse_mla$" cat "$folder/tree/docs/generated/contracts.md"
  check 0 "^### cuda.linear$" cat "$folder/tree/docs/generated/tables.md"
  sed -i '3s/W/w/' "$folder/tree/docs/generated/support.md"
  refuses 'docs/generated/support.md:3: expected "Written .*found "written .*run .tamis docs' docs --check --source "$folder/tree"
  echo '{}' > "$folder/tree/docs/runs.json"
  refuses "runs.json: expected an array of records" docs --source "$folder/tree"
else
  refuses "lacks .*(cuda|hip|vulkan) \(no libtamis_(cuda|hip|vulkan).so beside the library; configure" docs --check
fi
refuses "source $folder: expected a source tree: core/ops.def is not there" docs --source "$folder"

rows=$(mktemp)
trap 'rm -f "$rows" "$rows.html"' EXIT
check 106 "required" "$tamis" bench
check 1 "no op no_such_op" "$tamis" bench op --op no_such_op
check 1 "expected counts from 1 on" "$tamis" bench op --tokens 8-4x
check 1 "nothing to measure" "$tamis" bench op --no-ceilings --op embed --case no_such_case
check 0 '"kernel":"cpu.rms_norm.portable"' "$tamis" bench op --no-ceilings --op rms_norm --row portable --tokens 1 -o jsonl
"$tamis" bench op --no-ceilings --op rms_norm --row portable --tokens 1 -o jsonl > "$rows" 2> /dev/null
check 0 "1 no difference" "$tamis" bench compare "$rows" "$rows" --html "$rows.html"
check 0 "</html>" cat "$rows.html"
check 0 '"case":"tiny-v32 tg2 @ d64"' "$tamis" bench model -p 0 -n 2 -d 64 --rounds 1 -o jsonl
check 1 "expected counts from 1 on" "$tamis" bench model -n x
check 1 "expected a multiple of 8" "$tamis" bench layer --no-ceilings --experts 15
check 1 "needs [0-9.]* GB .weights" "$tamis" bench layer --no-ceilings --part moe --phase decode -b 4096 -c 163840
# The page opens from disk, where there is a browser; 20 KB are more than an empty window gives.
if command -v chromium > /dev/null; then
  picture="$rows.png"
  trap 'rm -f "$rows" "$rows.html" "$rows.png"' EXIT
  chromium --headless --no-sandbox --disable-gpu --proxy-server=127.0.0.1:9 --screenshot="$picture" \
           --window-size=1200,900 "file://$rows.html" > /dev/null 2>&1
  check 0 "large enough" bash -c "[[ \$(stat -c %s '$picture') -gt 20000 ]] && echo large enough"
else
  echo "skipped: the page of bench compare in a browser: no chromium"
fi
check 1 "cannot be opened" "$tamis" bench compare no-such-file.json
check 1 "README.md" "$tamis" bench compare README.md

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]

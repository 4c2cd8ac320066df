# through_phases.sh MOE_RUN MODEL DIR OPTION...: stops after each phase and goes on from it, with the options.
set -e
run=$1 model=$2 folder=$3
shift 3
for phase in import masked routed grouped regions tiled buffers machine; do
  "$run" "$model" --compile-to=$phase -o "$folder/$phase.mlir"
  "$run" "$folder/$phase.mlir" --compile-from=$phase --trust-model "$@"
done

# through_phases.sh MOE_RUN MODEL DIR: stops after each phase and goes on from it.
set -e
for phase in import routed grouped regions tiled buffers machine; do
  "$1" "$2" --compile-to=$phase -o "$3/$phase.mlir"
  "$1" "$3/$phase.mlir" --compile-from=$phase --trust-model \
    --input="1x2xf32=1 2" --input=f32=3
done

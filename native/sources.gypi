{
  "variables": {
    "base_sources": ["native/base/error.cc", "native/base/memory.cc", "native/base/pool.cc", "native/base/cpu_features.cc", "native/base/os_posix.cc"],
    "tensor_sources": ["native/tensor/convert.cc"],
    "ops_sources": ["native/ops/check.cc", "native/ops/ref/table.cc", "native/ops/ref/gemm.cc", "native/ops/ref/attention.cc", "native/ops/ref/norm.cc", "native/ops/ref/embed.cc", "native/ops/ref/reduce.cc", "native/ops/ref/adamw.cc"],
    "cpu_sources": ["native/cpu/backend.cc", "native/cpu/gemm.cc", "native/cpu/embed.cc", "native/cpu/norm.cc", "native/cpu/attention.cc", "native/cpu/reduce.cc", "native/cpu/adamw.cc", "native/cpu/peak.cc"],
    "isa_sources": ["native/cpu/isa/gemm.cc", "native/cpu/isa/norm.cc", "native/cpu/isa/attention.cc", "native/cpu/isa/reduce.cc", "native/cpu/isa/adamw.cc", "native/cpu/isa/peak.cc"],
    "model_sources": ["native/model/config.cc", "native/model/parameters.cc", "native/model/model.cc", "native/model/activations.cc", "native/model/embed.cc", "native/model/adapters.cc", "native/model/attention.cc", "native/model/mlp.cc", "native/model/block.cc", "native/model/head.cc", "native/model/encoder.cc"],
    "train_sources": ["native/train/slots.cc", "native/train/pieces.cc", "native/train/prefix_cache.cc", "native/train/footprint.cc", "native/train/trainer.cc", "native/train/calibration.cc"],
    "runtime_sources": ["native/runtime/job.cc", "native/runtime/device.cc"],
    "addon_sources": ["native/addon/js.cc", "native/addon/handle.cc", "native/addon/environment.cc", "native/addon/inputs.cc", "native/addon/system.cc", "native/addon/model.cc", "native/addon/trainer.cc", "native/addon/calibration.cc", "native/addon/products.cc", "native/addon/kernels.cc", "native/addon/timing.cc", "native/addon/addon.cc"]
  }
}

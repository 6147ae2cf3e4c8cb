# Sources: native/sources.gypi. One static library per instruction set, because gyp has no flags per file; all are
# compiled from the same sources, and native/cpu/backend.cc chooses at run time.
# exports.map leaves one symbol visible; nodelete keeps the code mapped when the Worker that loaded it ends (our threads
# outlive it).
{
  "includes": ["native/sources.gypi"],
  "variables": {
    "adaptune_warnings": ["-Wall", "-Wextra"],
    "adaptune_flags": ["-O3", "-fvisibility=hidden", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections"],
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-omit-frame-pointer"],
    "cflags": ["<@(adaptune_flags)", "<@(adaptune_warnings)"],
    "cflags_cc": ["-std=c++20"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "MACOSX_DEPLOYMENT_TARGET": "12.0",
      "OTHER_CPLUSPLUSFLAGS": ["<@(adaptune_flags)", "<@(adaptune_warnings)"],
    },
  },
  "targets": [
    {
      "target_name": "isa_scalar",
      "type": "static_library",
      "sources": ["<@(isa_sources)"],
      "defines": ["ADAPTUNE_ISA=scalar"],
    },
    {
      "target_name": "adaptune",
      "dependencies": ["isa_scalar"],
      "sources": [
        "<@(base_sources)", "<@(tensor_sources)", "<@(ops_sources)", "<@(cpu_sources)", "<@(model_sources)",
        "<@(train_sources)", "<@(runtime_sources)", "<@(addon_sources)",
      ],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED",
        "ADAPTUNE_VERSION=<!(node -p \"require('./package.json').version\")",
      ],
      "cflags_cc!": ["-fno-exceptions"],
      "xcode_settings": {"GCC_ENABLE_CPP_EXCEPTIONS": "YES", "GCC_SYMBOLS_PRIVATE_EXTERN": "YES"},
      "conditions": [
        ["OS=='linux'", {
          "ldflags": [
            "-static-libstdc++", "-static-libgcc", "-Wl,-z,nodelete", "-Wl,-z,now", "-Wl,--gc-sections",
            "-Wl,--version-script=<(module_root_dir)/native/addon/exports.map",
          ],
        }],
        ["target_arch=='x64'", {
          "dependencies": ["isa_avx2", "isa_avx512"],
          "defines": ["ADAPTUNE_HAS_AVX2", "ADAPTUNE_HAS_AVX512"],
        }],
      ],
    },
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "isa_avx2",
          "type": "static_library",
          "sources": ["<@(isa_sources)"],
          "defines": ["ADAPTUNE_ISA=avx2"],
          "cflags": ["-mavx2", "-mfma"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma"]},
        },
        {
          "target_name": "isa_avx512",
          "type": "static_library",
          "sources": ["<@(isa_sources)"],
          "defines": ["ADAPTUNE_ISA=avx512"],
          "cflags": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"]},
        },
      ],
    }],
  ],
}

// Coded errors. Native code throws Error; the addon's guard turns it into an AdaptuneError with the same
// code. The codes must be rows of the one table in lib/errors.ts (a test compares the two lists).
#pragma once
#include <string>

namespace adaptune {

#define ADAPTUNE_NATIVE_CODES(X) \
  X(E_ARGUMENT)                  \
  X(E_MEMORY)                    \
  X(E_FILE)                      \
  X(E_CLOSED)                    \
  X(E_ABORTED)                   \
  X(E_DEVICE)                    \
  X(E_MODEL_SHAPE)               \
  X(E_MODEL_VALUE)               \
  X(E_INTERNAL)

enum class Code {
#define X(name) name,
  ADAPTUNE_NATIVE_CODES(X)
#undef X
};

const char* code_name(Code code);

struct Error {
  Code code;
  std::string message;  // what was expected and what came
};

// Throws Error with a printf-formatted message.
[[noreturn]] void fail(Code code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The exception being handled (call it in a catch block) as an Error: bad_alloc is E_MEMORY, a stranger
// E_INTERNAL.
Error current_error() noexcept;

}  // namespace adaptune

#define ADAPTUNE_CHECK(condition, code, ...)                 \
  do {                                                       \
    if (!(condition)) [[unlikely]]                           \
      ::adaptune::fail(::adaptune::Code::code, __VA_ARGS__); \
  } while (0)

#include "base/error.h"

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <new>
#include <utility>

namespace adaptune {

const char* code_name(Code code) {
  switch (code) {
#define X(name)    \
  case Code::name: \
    return #name;
    ADAPTUNE_NATIVE_CODES(X)
#undef X
  }
  return "E_INTERNAL";
}

void fail(Code code, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Error{code, text};
}

Error current_error() noexcept {
  // Texts of up to 15 characters stand inside std::string: these cannot throw.
  try {
    throw;
  } catch (Error& error) {
    return std::move(error);
  } catch (const std::bad_alloc&) {
    return {Code::E_MEMORY, "out of memory"};
  } catch (const std::exception& error) {
    try {
      return {Code::E_INTERNAL, error.what()};
    } catch (...) {
      return {Code::E_MEMORY, "out of memory"};
    }
  } catch (...) {
    return {Code::E_INTERNAL, "unknown error"};
  }
}

}  // namespace adaptune

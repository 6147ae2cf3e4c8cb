// Everything that differs between operating systems. os_posix.cc implements it; a port adds a file beside
// that one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace adaptune {

int logical_cpus();
int affinity_cpus();  // processors that this process may run on

// Limits of the container (cgroup v2 and v1, the tightest of the process' group and its parents).
struct Limits {
  double cpus = 0;      // CPU quota in processors, 0: none
  int64_t memory = -1;  // bytes, -1: none
};
// root: "" for the system; tests pass a directory that holds a copy of /proc/self and /sys/fs/cgroup.
Limits container_limits(const std::string& root);

// max(1, min(affinity, floor(quota))): what can run at the same time without being throttled.
int usable_cpus();

int64_t memory_total();     // bytes
int64_t memory_resident();  // bytes of this process in memory, 0: unknown
std::string cpu_model();

// Whole pages, which the system gets back at once when they are unmapped, whatever else is in use. Null when
// it refuses.
void* map_pages(size_t bytes) noexcept;
void unmap_pages(void* pages, size_t bytes) noexcept;

// To be called first on a thread of ours: names it and leaves signals to the host's threads.
void enter_thread(const char* name) noexcept;

// Exclusive advisory lock, created with the file when absent and released by the kernel with the process;
// child processes do not inherit it. -1 when somebody else holds it; throws E_FILE when the file cannot be
// opened.
int lock_file(const std::string& path);
bool unlock_file(int lock) noexcept;  // false when it is no lock that is held here

// A shared library for comparisons, loaded for the rest of the process. Throws E_FILE with the loader's
// reason.
void* open_library(const std::string& path);
void* find_symbol(void* library, const char* name) noexcept;  // null when it has none of the name

}  // namespace adaptune

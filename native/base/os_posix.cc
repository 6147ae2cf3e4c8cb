#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "base/os.h"

namespace adaptune {
namespace {

// The whole of a small file of /proc or /sys; empty when it cannot be read.
std::string read_small(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char block[4096];
  for (;;) {
    const ssize_t got = read(fd, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || text.size() > (size_t{4} << 20)) break;
    text.append(block, static_cast<size_t>(got));
  }
  close(fd);
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool contains(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// mountinfo writes space, tab, newline and backslash in octal.
std::string unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// The directories of one controller from the process' group up to the top that is mounted here.
std::vector<std::string> group_directories(const std::string& root, bool v2, const std::string& controller) {
  std::string group;
  for (const std::string& line : split(read_small(root + "/proc/self/cgroup"), '\n')) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);  // id:controllers:path
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : contains(controllers, controller)) group = line.substr(second + 1);
  }
  if (group.empty()) return {};
  std::string top, mount;
  for (const std::string& line : split(read_small(root + "/proc/self/mountinfo"), '\n')) {
    // id parent device root mountpoint options [optional]... - type source super-options
    const std::vector<std::string> fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    if (v2 ? dash[1] == "cgroup2" : dash[1] == "cgroup" && contains(dash[3], controller)) {
      top = unescape(fields[3]), mount = unescape(fields[4]);
    }
  }
  if (mount.empty()) return {};
  // The mount shows the tree below `top`; a group outside of it (another namespace's view) leaves the mount
  // itself.
  std::string below;
  if (top == "/") {
    below = group == "/" ? "" : group;
  } else if (starts_with(group, top + "/")) {
    below = group.substr(top.size());
  }
  if (below.find("/..") != std::string::npos) below.clear();
  std::vector<std::string> directories;
  for (;;) {
    directories.push_back(root + mount + below);
    if (below.empty()) return directories;
    below.resize(below.rfind('/'));
  }
}

double quota_v2(const std::string& directory) {
  double quota, period;  // "max 100000" or "150000 100000", in microseconds
  return std::sscanf(read_small(directory + "/cpu.max").c_str(), "%lf %lf", &quota, &period) == 2 &&
                 period > 0
             ? quota / period
             : 0;
}

double quota_v1(const std::string& directory) {
  const double quota = std::atof(read_small(directory + "/cpu.cfs_quota_us").c_str());  // -1: none
  const double period = std::atof(read_small(directory + "/cpu.cfs_period_us").c_str());
  return quota > 0 && period > 0 ? quota / period : 0;
}

// Bytes, -1: none ("max", an unreadable file, or version 1's "largest number of pages").
int64_t memory_of(const std::string& path) {
  const std::string text = read_small(path);
  if (text.empty() || text[0] < '0' || text[0] > '9') return -1;
  const int64_t bytes = std::strtoll(text.c_str(), nullptr, 10);
  return bytes < int64_t{1} << 60 ? bytes : -1;
}

// The locks of this process, so that no other descriptor is closed for one. Never destroyed: threads of ours
// may still run while the process exits.
struct Locks {
  std::mutex mutex;
  std::vector<int> descriptors;
};

Locks& held() {
  static Locks* const locks = new Locks;
  return *locks;
}

}  // namespace

int logical_cpus() { return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))); }

int affinity_cpus() {
#if defined(__linux__)
  for (int bits = 1024; bits <= 1 << 20; bits *= 2) {  // EINVAL: the kernel's mask is wider
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(bits));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(bits));
    const int failed = sched_getaffinity(0, bytes, set);
    const int error = errno, cpus = failed ? 0 : CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    if (!failed) return std::max(1, cpus);
    if (error != EINVAL) break;
  }
#endif
  return logical_cpus();
}

Limits container_limits(const std::string& root) {
  Limits limits;
  const auto tighten_cpus = [&](double cpus) {
    if (cpus > 0 && (limits.cpus == 0 || cpus < limits.cpus)) limits.cpus = cpus;
  };
  const auto tighten_memory = [&](int64_t bytes) {
    if (bytes >= 0 && (limits.memory < 0 || bytes < limits.memory)) limits.memory = bytes;
  };
  for (const std::string& directory : group_directories(root, true, "")) {
    tighten_cpus(quota_v2(directory));
    tighten_memory(memory_of(directory + "/memory.max"));
  }
  for (const std::string& directory : group_directories(root, false, "cpu"))
    tighten_cpus(quota_v1(directory));
  for (const std::string& directory : group_directories(root, false, "memory")) {
    tighten_memory(memory_of(directory + "/memory.limit_in_bytes"));
  }
  return limits;
}

int usable_cpus() {
  const double quota = container_limits("").cpus;
  const int affinity = affinity_cpus();
  return quota > 0 && quota < affinity ? std::max(1, static_cast<int>(std::floor(quota))) : affinity;
}

int64_t memory_total() { return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

int64_t memory_resident() {
  long long size, resident;  // pages
  const std::string text = read_small("/proc/self/statm");
  return std::sscanf(text.c_str(), "%lld %lld", &size, &resident) == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

namespace {

void* map_private(size_t bytes) noexcept {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

}  // namespace

void* map_pages(size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  // From the start of a huge page on, so that as many as fit can be huge.
  constexpr size_t kHuge = size_t{2} << 20;
  if (bytes >= kHuge) {
    char* const pages = static_cast<char*>(map_private(bytes + kHuge));
    if (pages == nullptr) return nullptr;
    const size_t before = (kHuge - reinterpret_cast<uintptr_t>(pages) % kHuge) % kHuge;
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)),
                 used = (before + bytes + page - 1) / page * page;
    if (before > 0) munmap(pages, before);
    if (used < bytes + kHuge) munmap(pages + used, bytes + kHuge - used);
    madvise(pages + before, bytes, MADV_HUGEPAGE);
    return pages + before;
  }
#endif
  return map_private(bytes);
}

void unmap_pages(void* pages, size_t bytes) noexcept { munmap(pages, bytes); }

std::string cpu_model() {
  for (const std::string& line : split(read_small("/proc/cpuinfo"), '\n')) {
    const size_t colon = line.find(": ");
    if (starts_with(line, "model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

void enter_thread(const char* name) noexcept {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);  // at most 15 characters
#else
  (void)name;
#endif
}

int lock_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  ADAPTUNE_CHECK(fd >= 0, E_FILE, "expected to open the lock file %s but %s", path.c_str(),
                 std::strerror(errno));
  int failed;
  while ((failed = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
  }
  if (failed == 0) {
    Locks& locks = held();
    const std::lock_guard guard(locks.mutex);
    locks.descriptors.push_back(fd);
    return fd;
  }
  const int error = errno;
  close(fd);
  ADAPTUNE_CHECK(error == EWOULDBLOCK, E_FILE, "expected to lock %s but %s", path.c_str(),
                 std::strerror(error));
  return -1;
}

bool unlock_file(int lock) noexcept {
  Locks& locks = held();
  const std::lock_guard guard(locks.mutex);
  if (std::erase(locks.descriptors, lock) == 0) return false;
  close(lock);
  return true;
}

void* open_library(const std::string& path) {
  // An empty name would be the program itself.
  void* library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* reason = path.empty() ? nullptr : dlerror();
  fail(Code::E_FILE, "expected a shared library but received %s: %s", path.c_str(),
       reason ? reason : "not loaded");
}

void* find_symbol(void* library, const char* name) noexcept { return dlsym(library, name); }

}  // namespace adaptune

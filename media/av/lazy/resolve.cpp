#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include <dlfcn.h>

// libav drags in more than a hundred libraries, libcurl thirty. A binary that has this linked in
// loads them when the first of their functions is called, so that --help does not pay for them and
// probing does not pay for filters. The tables come from cmake/lazy_libav.cmake.
extern "C" {
extern void* sg_lazy_slots[];
extern const char* const sg_lazy_names[];
extern const char* const sg_lazy_libraries[];
extern const std::uint8_t sg_lazy_owners[];
extern const std::uint32_t sg_lazy_counts[2];

void* sg_lazy_resolve(std::uint32_t number);
}

namespace {

constexpr std::size_t kMostLibraries = 16;
std::array<std::once_flag, kMostLibraries> loaded;

// As for a library that the system's loader does not find: there is no way on.
[[noreturn]] void give_up(const char* library) {
    const char* reason = ::dlerror();
    std::fprintf(stderr,
                 "streamgate: load %s: %s; install the version of it that this was built with\n",
                 library,
                 reason == nullptr ? "unknown reason" : reason);
    std::_Exit(1);
}

void load(std::uint8_t library) {
    const char* name = sg_lazy_libraries[library];
    void* handle = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr) give_up(name);
    for (std::uint32_t i = 0; i < sg_lazy_counts[0]; ++i) {
        if (sg_lazy_owners[i] != library) continue;
        void* function = ::dlsym(handle, sg_lazy_names[i]);
        if (function == nullptr) give_up(name);
        // Threads may be jumping through the slot right now.
        __atomic_store_n(&sg_lazy_slots[i], function, __ATOMIC_RELEASE);
    }
}

}  // namespace

void* sg_lazy_resolve(std::uint32_t number) {
    const auto library = sg_lazy_owners[number];
    std::call_once(loaded[library], load, library);
    return __atomic_load_n(&sg_lazy_slots[number], __ATOMIC_ACQUIRE);
}

#include "process_metrics.hpp"

#include <ctime>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <system_error>

#include <unistd.h>

#include <fmt/format.h>
#include <sys/resource.h>

#include <base/file.hpp>

namespace sg::telemetry {
namespace {

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void add(std::string& out, const char* name, const char* kind, const char* help, double value) {
    fmt::format_to(std::back_inserter(out),
                   "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n",
                   name,
                   help,
                   kind,
                   value);
}

}  // namespace

std::string process_metrics_text() {
    std::string out;
    rusage usage{};
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        add(out,
            "process_cpu_seconds_total",
            "counter",
            "User and system CPU time of the server itself, without its children.",
            seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    if (const auto statm = read_file("/proc/self/statm", 4096)) {
        std::istringstream fields(statm.value());
        double total = 0;
        double resident = 0;
        if (fields >> total >> resident) {
            const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
            add(out, "process_virtual_memory_bytes", "gauge", "Address space.", total * page);
            add(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident * page);
        }
    }
    std::error_code error;
    const std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
    if (!error) {
        add(out,
            "process_open_fds",
            "gauge",
            "Open file descriptors.",
            static_cast<double>(std::distance(begin(descriptors), end(descriptors))));
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        add(out,
            "process_max_fds",
            "gauge",
            "Most file descriptors that may be open.",
            static_cast<double>(limit.rlim_cur));
    }
    return out;
}

}  // namespace sg::telemetry

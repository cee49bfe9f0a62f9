#include "disk_health.hpp"

#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::live {
namespace {

/// Small writes may still fit where large ones do not: it works again after so long without a
/// failure.
constexpr auto kCalm = std::chrono::seconds(30);

}  // namespace

void DiskHealth::failed(std::string_view event, std::string_view text) {
    last_failure_ = clock_.now();
    if (failing_) return;
    failing_ = true;
    log::error(
        "{} {} effect=\"channels go on from memory; DVR and recordings have gaps\"", event, text);
}

void DiskHealth::report(const Status& written) {
    const std::lock_guard lock(mutex_);
    if (!written) {
        failed("disk_write_failed", fmt::format("error=\"{}\"", written.error().message));
    } else if (failing_ && clock_.now() - last_failure_ >= kCalm) {
        failing_ = false;
        log::info("disk_write_works_again");
    }
}

void DiskHealth::too_slow(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    failed("disk_too_slow", fmt::format("channel={}", channel));
}

}  // namespace sg::live

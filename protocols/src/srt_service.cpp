#include <string_view>

#include <syslog.h>

#include <srt/srt.h>

#include <base/log.hpp>
#include <protocols/srt_service.hpp>

#include "srt_poller.hpp"

namespace sg::protocols {
namespace {

/// Most of what libsrt calls an error is one peer's doing.
void take_log_line(void*, int level, const char*, int, const char* area, const char* message) {
    std::string_view text = message != nullptr ? message : "";
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    log::at(level <= LOG_CRIT ? log::Level::kError : log::Level::kDebug,
            "srt area={} said=\"{}\"",
            area != nullptr ? area : "",
            text);
}

}  // namespace

Result<std::unique_ptr<SrtService>> SrtService::create() {
    if (srt_startup() < 0) return Error{Errc::kInternal, "start libsrt"};
    srt_setlogflags(SRT_LOGF_DISABLE_TIME | SRT_LOGF_DISABLE_THREADNAME |
                    SRT_LOGF_DISABLE_SEVERITY | SRT_LOGF_DISABLE_EOL);
    srt_setloglevel(LOG_ERR);
    srt_setloghandler(nullptr, take_log_line);
    std::unique_ptr<SrtService> service(new SrtService);
    auto poller = SrtPoller::create();
    if (!poller) return std::move(poller).error();
    service->poller_ = std::move(poller).value();
    return service;
}

SrtService::~SrtService() {
    if (poller_) poller_->shutdown();
    srt_cleanup();
}

}  // namespace sg::protocols

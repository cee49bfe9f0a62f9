#include <protocols/srt_service.hpp>

#include "srt_poller.hpp"

namespace sg::protocols {

Result<std::unique_ptr<SrtService>> SrtService::create() {
    std::unique_ptr<SrtService> service(new SrtService);
    SG_TRY_ASSIGN(service->poller_, SrtPoller::create());
    return service;
}

SrtService::~SrtService() {
    if (poller_) poller_->shutdown();
}

}  // namespace sg::protocols

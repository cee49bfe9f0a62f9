#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <base/result.hpp>
#include <protocols/srt_connection.hpp>
#include <protocols/srt_service.hpp>

namespace sg::protocols {

struct SrtCallSettings {
    std::string host;  ///< name or address
    std::uint16_t port = 0;
    std::string stream_id;  ///< sent as it is; may hold secrets
    std::string passphrase;
    unsigned key_bytes = 0;
    std::chrono::milliseconds latency{120};
    std::chrono::milliseconds connect_timeout{3'000};
    std::chrono::milliseconds idle{0};  ///< without data from the peer; 0: never ends for it
    std::size_t receive_buffer_bytes = 4U << 20;
    std::size_t inbox_bytes = 1U << 20;
    std::size_t outbox_bytes = 4U << 20;
};

/// Calls a listener, to pull or to push. `done` is called once on `executor`: with kPermission and
/// the peer's reason when it refused, kTimeout, kNotFound (no such name), kIo.
void srt_call(SrtService& service,
              SrtCallSettings settings,
              SrtExecutor executor,
              std::function<void(Result<std::shared_ptr<SrtConnection>>)> done);

}  // namespace sg::protocols

#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <protocols/rate_limit.hpp>
#include <protocols/srt_connection.hpp>

#include "srt_poller.hpp"
#include "srt_socket.hpp"

namespace sg::protocols {

struct SrtLinkSettings {
    std::chrono::milliseconds idle{0};
    std::size_t inbox_bytes = 1U << 20;
    std::size_t outbox_bytes = 4U << 20;
    std::size_t rate = 0;
};

/// A connected SRT socket on the poll thread. It is kept alive by the poller until its end, by
/// tasks on the executor, and by the owner's SrtConnection.
class SrtLink final : public SrtWatcher, public std::enable_shared_from_this<SrtLink> {
  public:
    /// On the poll thread. `on_gone` is called there when the socket has been closed.
    [[nodiscard]] static std::shared_ptr<SrtConnection> make(std::shared_ptr<SrtPoller> poller,
                                                             SRTSOCKET socket,
                                                             const SrtAddress& peer,
                                                             SrtStreamId id,
                                                             const SrtLinkSettings& settings,
                                                             std::function<void()> on_gone);

    ~SrtLink() override;
    void on_ready(int events) override;
    void on_tick(Now now) override;
    void on_shutdown() override;

    void start(SrtExecutor executor, SrtHandler handler);
    [[nodiscard]] bool send(std::span<const std::byte> bytes);
    void close();
    [[nodiscard]] SrtStatistics statistics();

    struct Facts {
        std::string peer;
        SrtStreamId id;
        std::chrono::milliseconds latency{0};
        bool encrypted = false;
    };
    [[nodiscard]] const Facts& facts() const { return facts_; }

  private:
    enum class Sent { kAll, kFull, kBroken };

    SrtLink(std::shared_ptr<SrtPoller> poller,
            SRTSOCKET socket,
            Facts facts,
            const SrtLinkSettings& settings,
            std::function<void()> on_gone);

    void read();
    void keep(std::span<const std::byte> batch);
    void end(Error why);
    void close_socket();
    void update_events();
    void hand_over();
    void drain();
    [[nodiscard]] Sent send_now(std::span<const std::byte>& bytes);
    void send_queued();

    const std::shared_ptr<SrtPoller> poller_;
    const SRTSOCKET socket_;
    const Facts facts_;
    const SrtLinkSettings settings_;

    // Poll thread.
    std::function<void()> on_gone_;
    bool open_ = true;
    bool started_ = false;
    bool paused_ = false;
    bool sending_ = false;
    Now last_data_;
    RateLimit rate_;
    bool too_fast_ = false;

    std::atomic<bool> closed_ = false;  ///< by the owner

    std::mutex mutex_;
    SrtExecutor executor_;
    std::vector<std::byte> inbox_;
    bool posted_ = false;
    bool full_ = false;
    bool broken_ = false;
    std::optional<Error> why_ended_;
    std::deque<std::vector<std::byte>> outbox_;
    std::size_t outbox_bytes_ = 0;
    SrtStatistics last_statistics_;

    // Executor.
    SrtHandler handler_;
    std::vector<std::byte> spare_;
};

}  // namespace sg::protocols

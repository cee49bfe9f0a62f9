#include "srt_link.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace sg::protocols {
namespace {

constexpr std::size_t kBatch = 64U << 10;
constexpr std::size_t kMaxMessage = 1456;
/// What a message holds by default: seven transport stream packets.
constexpr std::size_t kMessage = 1316;

class Handle final : public SrtConnection {
  public:
    explicit Handle(std::shared_ptr<SrtLink> link) : link_(std::move(link)) {}
    ~Handle() override { link_->close(); }

    const std::string& peer() const override { return link_->facts().peer; }
    const SrtStreamId& stream_id() const override { return link_->facts().id; }
    std::chrono::milliseconds latency() const override { return link_->facts().latency; }
    bool encrypted() const override { return link_->facts().encrypted; }
    void start(SrtExecutor executor, SrtHandler handler) override {
        link_->start(std::move(executor), std::move(handler));
    }
    bool send(std::span<const std::byte> bytes) override { return link_->send(bytes); }
    void close() override { link_->close(); }
    SrtStatistics statistics() const override { return link_->statistics(); }

  private:
    std::shared_ptr<SrtLink> link_;
};

template <class To, class From>
To clamp_to(From value) {
    return value > 0 ? static_cast<To>(value) : To{};
}

SrtStatistics to_statistics(const SRT_TRACEBSTATS& s) {
    SrtStatistics out;
    out.rtt_ms = s.msRTT;
    out.bandwidth_mbps = s.mbpsBandwidth;
    out.receive_mbps = s.mbpsRecvRate;
    out.send_mbps = s.mbpsSendRate;
    out.packets_received = clamp_to<std::uint64_t>(s.pktRecvTotal);
    out.packets_lost = clamp_to<std::uint64_t>(s.pktRcvLossTotal);
    out.packets_dropped = clamp_to<std::uint64_t>(s.pktRcvDropTotal);
    out.packets_undecrypted = clamp_to<std::uint64_t>(s.pktRcvUndecryptTotal);
    out.packets_sent = clamp_to<std::uint64_t>(s.pktSentTotal);
    out.packets_send_lost = clamp_to<std::uint64_t>(s.pktSndLossTotal);
    out.packets_retransmitted = clamp_to<std::uint64_t>(s.pktRetransTotal);
    out.packets_send_dropped = clamp_to<std::uint64_t>(s.pktSndDropTotal);
    out.bytes_received = s.byteRecvTotal;
    out.bytes_sent = s.byteSentTotal;
    out.receive_buffer_ms = clamp_to<std::uint32_t>(s.msRcvBuf);
    out.send_buffer_ms = clamp_to<std::uint32_t>(s.msSndBuf);
    return out;
}

}  // namespace

std::shared_ptr<SrtConnection> SrtLink::make(std::shared_ptr<SrtPoller> poller,
                                             SRTSOCKET socket,
                                             const SrtAddress& peer,
                                             SrtStreamId id,
                                             const SrtLinkSettings& settings,
                                             std::function<void()> on_gone) {
    Facts facts;
    facts.peer = peer.text();
    facts.id = std::move(id);
    facts.latency = std::chrono::milliseconds(get_srt_number(socket, SRTO_RCVLATENCY));
    facts.encrypted = get_srt_number(socket, SRTO_RCVKMSTATE) == SRT_KM_S_SECURED ||
                      get_srt_number(socket, SRTO_SNDKMSTATE) == SRT_KM_S_SECURED;
    SrtPoller& on = *poller;
    std::shared_ptr<SrtLink> link(
        new SrtLink(std::move(poller), socket, std::move(facts), settings, std::move(on_gone)));
    on.watch(socket, kSrtError, link);
    return std::make_shared<Handle>(std::move(link));
}

SrtLink::SrtLink(std::shared_ptr<SrtPoller> poller,
                 SRTSOCKET socket,
                 Facts facts,
                 const SrtLinkSettings& settings,
                 std::function<void()> on_gone)
    : poller_(std::move(poller)),
      socket_(socket),
      facts_(std::move(facts)),
      settings_(settings),
      on_gone_(std::move(on_gone)),
      last_data_(std::chrono::steady_clock::now()),
      rate_(settings.rate) {}

SrtLink::~SrtLink() = default;

void SrtLink::start(SrtExecutor executor, SrtHandler handler) {
    {
        const std::lock_guard lock(mutex_);
        executor_ = std::move(executor);
        handler_ = std::move(handler);
        // It may have ended already.
        if (why_ended_) hand_over();
    }
    poller_->post([self = shared_from_this()] {
        self->started_ = true;
        self->last_data_ = std::chrono::steady_clock::now();
        self->update_events();
    });
}

void SrtLink::update_events() {
    if (!open_) return;
    int events = kSrtError;
    if (started_ && !paused_) events |= kSrtIn;
    if (sending_) events |= kSrtOut;
    poller_->change(socket_, events);
}

void SrtLink::on_ready(int events) {
    if ((events & kSrtOut) != 0) send_queued();
    if ((events & (kSrtIn | kSrtError)) != 0 && open_) read();
}

void SrtLink::read() {
    std::array<std::byte, kBatch> batch;
    std::size_t size = 0;
    bool more = true;
    while (more && batch.size() - size >= kMaxMessage) {
        const int got = srt_recvmsg(socket_,
                                    reinterpret_cast<char*>(batch.data() + size),  // NOLINT
                                    static_cast<int>(batch.size() - size));
        if (got > 0) {
            size += static_cast<std::size_t>(got);
            continue;
        }
        more = false;
        const int code = got == 0 ? SRT_ECONNLOST : srt_getlasterror(nullptr);
        if (size > 0) keep({batch.data(), size});
        size = 0;
        // A broken socket first gives all that it still has.
        if (code != SRT_EASYNCRCV)
            end({Errc::kEndOfStream, fmt::format("SRT connection with {} ended", facts_.peer)});
    }
    if (size > 0) keep({batch.data(), size});
    if (open_ && too_fast_)
        end({Errc::kLimit,
             fmt::format("SRT connection with {}: over {} bytes a second for long",
                         facts_.peer,
                         settings_.rate)});
}

void SrtLink::keep(std::span<const std::byte> batch) {
    last_data_ = std::chrono::steady_clock::now();
    too_fast_ = rate_.add(batch.size(), last_data_).count() > 0;
    const std::lock_guard lock(mutex_);
    inbox_.insert(inbox_.end(), batch.begin(), batch.end());
    if (inbox_.size() >= settings_.inbox_bytes) {
        full_ = true;
        paused_ = true;
        update_events();
    }
    hand_over();
}

/// With the mutex held.
void SrtLink::hand_over() {
    if (posted_ || !executor_ || closed_) return;
    posted_ = true;
    executor_([self = shared_from_this()] { self->drain(); });
}

/// On the executor.
void SrtLink::drain() {
    std::optional<Error> why;
    spare_.clear();
    {
        const std::lock_guard lock(mutex_);
        posted_ = false;
        spare_.swap(inbox_);
        why = std::exchange(why_ended_, std::nullopt);
        if (std::exchange(full_, false))
            poller_->post([self = shared_from_this()] {
                self->paused_ = false;
                self->last_data_ = std::chrono::steady_clock::now();
                self->update_events();
            });
    }
    if (!spare_.empty() && !closed_ && handler_.on_data) handler_.on_data(spare_);
    if (spare_.capacity() > 2 * kBatch) spare_ = {};
    if (why && !closed_ && handler_.on_end) handler_.on_end(*why);
    // The handler may hold what holds this.
    if (why || closed_) handler_ = {};
}

void SrtLink::on_tick(Now now) {
    (void)statistics();
    if (settings_.idle.count() == 0 || paused_ || now - last_data_ <= settings_.idle) return;
    end({Errc::kTimeout,
         fmt::format(
             "SRT connection with {}: no data for {} ms", facts_.peer, settings_.idle.count())});
}

void SrtLink::end(Error why) {
    if (!open_) return;
    close_socket();
    const std::lock_guard lock(mutex_);
    why_ended_ = std::move(why);
    hand_over();
}

void SrtLink::close_socket() {
    if (!std::exchange(open_, false)) return;
    {
        const std::lock_guard lock(mutex_);
        broken_ = true;
        outbox_.clear();
        outbox_bytes_ = 0;
    }
    poller_->forget(socket_);
    srt_close(socket_);
    if (on_gone_) std::exchange(on_gone_, {})();
}

void SrtLink::on_shutdown() {
    end({Errc::kCancelled, "SRT service stops"});
}

void SrtLink::close() {
    if (closed_.exchange(true)) return;
    poller_->post([self = shared_from_this()] { self->close_socket(); });
    const std::lock_guard lock(mutex_);
    if (executor_ && !posted_) {
        posted_ = true;
        executor_([self = shared_from_this()] { self->drain(); });
    }
}

SrtLink::Sent SrtLink::send_now(std::span<const std::byte>& bytes) {
    while (!bytes.empty()) {
        const std::size_t part = std::min(bytes.size(), kMessage);
        const int sent = srt_sendmsg2(socket_,
                                      reinterpret_cast<const char*>(bytes.data()),  // NOLINT
                                      static_cast<int>(part),
                                      nullptr);
        if (sent == SRT_ERROR)
            return srt_getlasterror(nullptr) == SRT_EASYNCSND ? Sent::kFull : Sent::kBroken;
        bytes = bytes.subspan(part);
    }
    return Sent::kAll;
}

bool SrtLink::send(std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    if (broken_ || closed_) return false;
    if (bytes.size() > settings_.outbox_bytes - std::min(settings_.outbox_bytes, outbox_bytes_))
        return false;
    if (outbox_.empty()) {
        const Sent sent = send_now(bytes);
        if (sent == Sent::kAll) return true;
        if (sent == Sent::kBroken) {
            broken_ = true;
            return false;
        }
        poller_->post([self = shared_from_this()] {
            self->sending_ = true;
            self->update_events();
        });
    }
    outbox_.emplace_back(bytes.begin(), bytes.end());
    outbox_bytes_ += bytes.size();
    return true;
}

void SrtLink::send_queued() {
    const std::lock_guard lock(mutex_);
    while (!outbox_.empty()) {
        std::span<const std::byte> bytes(outbox_.front());
        const std::size_t before = bytes.size();
        const Sent sent = send_now(bytes);
        outbox_bytes_ -= before - bytes.size();
        if (sent == Sent::kBroken) return;
        if (sent == Sent::kFull) {
            std::vector<std::byte>& front = outbox_.front();
            front.erase(front.begin(),
                        front.begin() + static_cast<std::ptrdiff_t>(before - bytes.size()));
            return;
        }
        outbox_.pop_front();
    }
    sending_ = false;
    update_events();
}

SrtStatistics SrtLink::statistics() {
    const std::lock_guard lock(mutex_);
    SRT_TRACEBSTATS raw{};
    // Of a socket that is breaking it would read zeros.
    if (!broken_ && srt_getsockstate(socket_) == SRTS_CONNECTED &&
        srt_bistats(socket_, &raw, 0, 1) != SRT_ERROR)
        last_statistics_ = to_statistics(raw);
    return last_statistics_;
}

}  // namespace sg::protocols

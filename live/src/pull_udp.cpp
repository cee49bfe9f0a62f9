#include <optional>
#include <utility>

#include <ingest/ts_depacketizer.hpp>
#include <protocols/rtp_reorder.hpp>
#include <protocols/udp_receiver.hpp>

#include "pull_source.hpp"
#include "pull_url.hpp"

namespace sg::live {
namespace {

class UdpPull final : public PullSource {
  public:
    UdpPull(protocols::UdpReceiverOptions options,
            bool rtp,
            const PullContext& context,
            PullOwner& owner)
        : options_(std::move(options)), home_(context.home), clock_(context.clock), owner_(owner) {
        if (rtp) {
            reorder_.emplace(
                [this](std::span<const std::byte> payload) { depacketizer_->push(payload); });
        }
    }

    void start() override {
        auto receiver = protocols::UdpReceiver::open(
            home_,
            options_,
            [this](std::span<const protocols::UdpReceiver::Datagram> datagrams) {
                take(datagrams);
            },
            [this](const Error& why) { owner_.on_gone(why); });
        if (receiver) {
            receiver_ = std::move(*receiver);
        } else {
            owner_.on_gone(receiver.error());
        }
    }

  private:
    void take(std::span<const protocols::UdpReceiver::Datagram> datagrams) {
        auto* feed = owner_.feed(ingest::TsDepacketizer::kClock);
        if (feed == nullptr) return;
        if (!depacketizer_) depacketizer_.emplace(*feed);
        const auto now = clock_.now();
        feed->arrived(now);
        for (const auto datagram : datagrams) {
            if (reorder_) {
                reorder_->push(datagram, now);
            } else {
                depacketizer_->push(datagram);
            }
        }
        owner_.delivered();
    }

    const protocols::UdpReceiverOptions options_;
    boost::asio::io_context& home_;
    const Clock& clock_;
    PullOwner& owner_;
    std::optional<ingest::TsDepacketizer> depacketizer_;
    std::optional<protocols::RtpReorder> reorder_;
    std::unique_ptr<protocols::UdpReceiver> receiver_;
};

}  // namespace

Result<std::unique_ptr<PullSource>> make_udp_pull(const InputSettings& input,
                                                  const PullContext& context,
                                                  PullOwner& owner) {
    SG_TRY_ASSIGN(const auto url, parse_pull_url(input.url));
    protocols::UdpReceiverOptions options;
    options.address = url.host;
    options.port = url.port;
    options.interface = url.option("interface");
    options.source = url.option("source");
    return std::unique_ptr<PullSource>(
        std::make_unique<UdpPull>(std::move(options), url.scheme == "rtp", context, owner));
}

}  // namespace sg::live

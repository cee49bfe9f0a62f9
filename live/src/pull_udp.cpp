#include <optional>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

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
            const InputSettings& input,
            const PullContext& context,
            PullOwner& owner)
        : options_(std::move(options)),
          program_(input.program),
          home_(context.home),
          clock_(context.clock),
          owner_(owner) {
        if (scheme_of(input.url) == "rtp") {
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
        if (!depacketizer_) depacketizer_.emplace(*feed, ingest::TsDepacketizer::Options{program_});
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
    const unsigned program_;
    boost::asio::io_context& home_;
    const Clock& clock_;
    PullOwner& owner_;
    std::optional<ingest::TsDepacketizer> depacketizer_;
    std::optional<protocols::RtpReorder> reorder_;
    std::unique_ptr<protocols::UdpReceiver> receiver_;
};

}  // namespace

Result<protocols::UdpReceiverOptions> udp_options_of(const std::string& text) {
    SG_TRY_ASSIGN(const auto url, parse_pull_url(text));
    protocols::UdpReceiverOptions options;
    options.address = url.host;
    boost::system::error_code failed;
    boost::asio::ip::make_address(url.host.empty() ? "0.0.0.0" : url.host, failed);
    if (failed)
        return Error{Errc::kInvalidArgument,
                     fmt::format("read the input URL {}: it needs an IP address of this machine or "
                                 "of a multicast group, not a name",
                                 shown_url(text))};
    options.port = url.port;
    options.interface = url.option("interface");
    options.source = url.option("source");
    return options;
}

Result<std::unique_ptr<PullSource>> make_udp_pull(const InputSettings& input,
                                                  const PullContext& context,
                                                  PullOwner& owner) {
    SG_TRY_ASSIGN(auto options, udp_options_of(input.url));
    return std::unique_ptr<PullSource>(
        std::make_unique<UdpPull>(std::move(options), input, context, owner));
}

}  // namespace sg::live

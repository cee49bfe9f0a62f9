#include <map>
#include <mutex>
#include <utility>

#include <boost/asio/post.hpp>
#include <live/pull_inputs.hpp>

#include <base/log.hpp>

#include "pull_runner.hpp"
#include "pull_threads.hpp"
#include "slate_loops.hpp"

namespace sg::live {
namespace {

namespace asio = boost::asio;

bool same(const InputSettings& a, const InputSettings& b) {
    return a.kind == b.kind && a.name == b.name && a.url == b.url &&
           a.max_bandwidth == b.max_bandwidth && a.program == b.program;
}

}  // namespace

struct PullInputs::Impl : public std::enable_shared_from_this<Impl> {
    using Key = std::pair<std::string, std::size_t>;  ///< channel and slot

    Impl(ChannelRegistry& channels,
         std::vector<asio::io_context*> contexts,
         protocols::SrtService* srt_service,
         const Clock& the_clock,
         Metrics& the_metrics,
         PullInputsOptions the_options)
        : registry(channels),
          homes(std::move(contexts)),
          srt(srt_service),
          clock(the_clock),
          metrics(the_metrics),
          options(std::move(the_options)),
          threads(options.http_threads) {}

    [[nodiscard]] PullContext context(asio::io_context& home, const std::string& channel) {
        return {home, clock, srt, threads, channel, options.executable, options.argv};
    }
    void apply(const std::vector<ChannelSettings>& channels);
    void attach(const std::shared_ptr<Channel>& channel);
    void pull_for(const std::shared_ptr<Channel>& channel);
    void add_slate(const std::shared_ptr<Channel>& channel);
    /// `player` is the channel's.
    void get_slate(const std::shared_ptr<Channel>& channel,
                   const std::string& image,
                   SlatePlayer* player);
    void stop();

    ChannelRegistry& registry;
    const std::vector<asio::io_context*> homes;
    protocols::SrtService* const srt;
    const Clock& clock;
    Metrics& metrics;
    const PullInputsOptions options;
    PullThreads threads;

    std::mutex mutex;
    bool stopped = false;
    std::size_t next_home = 0;
    std::map<Key, std::shared_ptr<PullRunner>> configured;
    std::map<Channel*, std::vector<std::shared_ptr<PullRunner>>> bound;
    const std::shared_ptr<SlateLoops> loops = std::make_shared<SlateLoops>();
};

void PullInputs::Impl::apply(const std::vector<ChannelSettings>& channels) {
    std::map<Key, InputSettings> wanted;
    for (const auto& channel : channels) {
        for (std::size_t slot = 0; slot < channel.inputs.size(); ++slot) {
            if (channel.inputs[slot].kind != InputKind::kPublish)
                wanted.emplace(Key{channel.name, slot}, channel.inputs[slot]);
        }
    }
    const std::lock_guard lock(mutex);
    if (stopped) return;
    for (auto it = configured.begin(); it != configured.end();) {
        const auto found = wanted.find(it->first);
        if (found != wanted.end() && same(found->second, it->second->input())) {
            wanted.erase(found);
            ++it;
            continue;
        }
        it->second->stop();
        it = configured.erase(it);
    }
    for (auto& [key, input] : wanted) {
        auto& home = *homes[next_home++ % homes.size()];
        PullRunner::Setup setup{registry, metrics, key.second, std::move(input), {}, false};
        auto runner = std::make_shared<PullRunner>(std::move(setup), context(home, key.first));
        runner->start();
        configured.emplace(key, std::move(runner));
    }
    // Channels with a slate are there before anything comes.
    for (const auto& channel : channels) {
        if (!channel.slate.enabled) continue;
        auto& home = *homes[next_home++ % homes.size()];
        asio::post(home, [weak = weak_from_this(), name = channel.name, &home] {
            const auto self = weak.lock();
            if (!self) return;
            if (const auto opened = self->registry.open(name, home); !opened)
                log::warn("live_slate channel={} error=\"{}\"", name, opened.error().message);
        });
    }
}

/// On its home thread.
void PullInputs::Impl::attach(const std::shared_ptr<Channel>& channel) {
    pull_for(channel);
    if (channel->settings().slate.enabled) add_slate(channel);
}

/// What the configuration names is pulled without the channel; what a template says, with it.
void PullInputs::Impl::pull_for(const std::shared_ptr<Channel>& channel) {
    const std::lock_guard lock(mutex);
    if (stopped) return;
    const auto& inputs = channel->settings().inputs;
    std::vector<std::shared_ptr<PullRunner>> runners;
    for (std::size_t slot = 0; slot < inputs.size(); ++slot) {
        if (inputs[slot].kind == InputKind::kPublish ||
            configured.contains({channel->settings().name, slot}))
            continue;
        PullRunner::Setup setup{registry, metrics, slot, inputs[slot], channel, true};
        runners.push_back(std::make_shared<PullRunner>(
            std::move(setup), context(channel->home(), channel->settings().name)));
        runners.back()->start();
    }
    if (runners.empty()) return;
    bound.emplace(channel.get(), std::move(runners));
    channel->when_ended([weak = weak_from_this(), raw = channel.get()] {
        const auto self = weak.lock();
        if (!self) return;
        const std::lock_guard again(self->mutex);
        const auto found = self->bound.find(raw);
        if (found == self->bound.end()) return;
        for (const auto& runner : found->second) runner->stop();
        self->bound.erase(found);
    });
}

void PullInputs::Impl::add_slate(const std::shared_ptr<Channel>& channel) {
    auto player = std::make_unique<SlatePlayer>(channel->home(), clock);
    auto* const raw = player.get();
    channel->set_filler(std::move(player));
    get_slate(channel, channel->settings().slate.image, raw);
}

void PullInputs::Impl::get_slate(const std::shared_ptr<Channel>& channel,
                                 const std::string& image,
                                 SlatePlayer* player) {
    loops->get(image,
               context(channel->home(), channel->settings().name),
               [weak = weak_from_this(), held = std::weak_ptr(channel), image, player](
                   const Result<SlateLoops::Loop>& loop) {
                   const auto self = weak.lock();
                   const auto owner = held.lock();
                   if (!self || !owner) return;
                   if (loop) {
                       player->set_loop(*loop);
                       owner->filler_ready();
                       return;
                   }
                   log::error("live_slate_not_made channel={} effect=\"{}\" error=\"{}\"",
                              owner->name(),
                              image.empty() ? "the channel goes on without" : "it is a test card",
                              loop.error().message);
                   // Viewers stay with a channel that shows something.
                   if (image.empty())
                       owner->set_filler(nullptr);
                   else
                       self->get_slate(owner, {}, player);
               });
}

void PullInputs::Impl::stop() {
    const std::lock_guard lock(mutex);
    stopped = true;
    for (const auto& [key, runner] : configured) runner->stop();
    for (const auto& [channel, runners] : bound) {
        for (const auto& runner : runners) runner->stop();
    }
}

PullInputs::PullInputs(ChannelRegistry& registry,
                       std::vector<asio::io_context*> homes,
                       protocols::SrtService* srt,
                       const Clock& clock,
                       Metrics& metrics,
                       PullInputsOptions options)
    : impl_(std::make_shared<Impl>(
          registry, std::move(homes), srt, clock, metrics, std::move(options))) {
    registry.set_input_starter(
        [weak = std::weak_ptr(impl_)](const std::shared_ptr<Channel>& channel) {
            asio::post(channel->home(), [weak, channel] {
                if (const auto impl = weak.lock()) impl->attach(channel);
            });
        });
}

PullInputs::~PullInputs() = default;

void PullInputs::apply(const std::vector<ChannelSettings>& channels) {
    impl_->apply(channels);
}

void PullInputs::stop() {
    impl_->stop();
}

}  // namespace sg::live

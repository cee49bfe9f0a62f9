#include "encoder_session.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include <base/file.hpp>
#include <base/log.hpp>
#include <engine/live_link.hpp>
#include <process/supervisor.hpp>

namespace sg::live {
namespace {

namespace asio = boost::asio;
using Watch = asio::posix::stream_descriptor;

/// So many messages are taken before others on this thread have their turn.
constexpr int kMessagesAtOnce = 128;
/// What waits in the socket cannot be dropped any more: tens of milliseconds of a usual stream.
constexpr int kSocketBytes = 64 << 10;

process::MessageLimits media_limits() {
    process::MessageLimits limits;
    limits.max_payload_bytes = std::size_t{32} << 20;
    return limits;
}

Status watch_copy(Watch& watch, int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return errno_error(errno, "watch an encoding child");
    boost::system::error_code failed;
    watch.assign(copy, failed);
    if (!failed) return {};
    ::close(copy);
    return Error{Errc::kIo, "watch an encoding child: " + failed.message()};
}

}  // namespace

Result<std::shared_ptr<EncoderSession>> EncoderSession::start(const EncoderChildSettings& settings,
                                                              asio::io_context& home,
                                                              Owner& owner) {
    engine::LiveTask task;
    task.channel = settings.channel;
    task.preset = settings.preset;
    task.segment = settings.segment;
    task.low_latency = settings.low_latency;
    return start(Program{settings.executable,
                         settings.argv,
                         engine::live_task_environment(),
                         task.request(),
                         settings.channel},
                 home,
                 owner);
}

Result<std::shared_ptr<EncoderSession>> EncoderSession::start(Program program,
                                                              asio::io_context& home,
                                                              Owner& owner) {
    SG_TRY_ASSIGN(auto control, process::Channel::make_pair({}));
    SG_TRY_ASSIGN(auto media, process::Channel::make_pair(media_limits()));
    if (::setsockopt(media.ours.fd(), SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes) !=
        0)
        return errno_error(errno, "bound what waits for an encoding child");
    process::SpawnOptions spawn;
    spawn.executable = std::move(program.executable);
    spawn.argv = std::move(program.argv);
    spawn.environment = std::move(program.environment);
    spawn.fds.push_back({std::move(control.theirs), process::kTaskChannelFd});
    SG_TRY_ASSIGN(auto child, process::Child::spawn(std::move(spawn)));
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(media.theirs));
    SG_TRY(control.ours.send_later(
        process::MessageType::kRequest, std::move(program.request), std::move(fds)));
    auto session = std::make_shared<EncoderSession>(
        home, owner, std::move(child), std::move(control.ours), std::move(media.ours));
    session->child_.log().set_line_sink([label = std::move(program.label)](std::string_view line) {
        log::debug("live_child_says channel={} line=\"{}\"", label, line);
    });
    SG_TRY(session->watch());
    return session;
}

EncoderSession::EncoderSession(asio::io_context& home,
                               Owner& owner,
                               process::Child child,
                               process::Channel control,
                               process::Channel media)
    : owner_(&owner),
      child_(std::move(child)),
      control_(std::move(control)),
      media_(std::move(media)),
      media_watch_(home),
      output_watch_(home),
      exit_watch_(home) {}

Status EncoderSession::watch() {
    SG_TRY(watch_copy(media_watch_, media_.fd()));
    SG_TRY(watch_copy(output_watch_, child_.output_fd()));
    if (child_.pid_fd() >= 0) SG_TRY(watch_copy(exit_watch_, child_.pid_fd()));
    wait_readable();
    wait_output();
    wait_exit();
    return {};
}

void EncoderSession::wait_readable() {
    media_watch_.async_wait(Watch::wait_read,
                            [weak = weak_from_this()](const boost::system::error_code& failed) {
                                const auto self = weak.lock();
                                if (self && !failed) self->read();
                            });
}

void EncoderSession::wait_writable() {
    if (std::exchange(waiting_to_write_, true)) return;
    media_watch_.async_wait(Watch::wait_write,
                            [weak = weak_from_this()](const boost::system::error_code& failed) {
                                const auto self = weak.lock();
                                if (!self || failed) return;
                                self->waiting_to_write_ = false;
                                if (self->owner_ == nullptr) return;
                                // A broken socket is told by reading.
                                if (!self->media_.flush()) return;
                                if (self->media_.wants_write()) {
                                    self->wait_writable();
                                } else {
                                    self->owner_->on_writable();
                                }
                            });
}

void EncoderSession::wait_output() {
    output_watch_.async_wait(Watch::wait_read,
                             [weak = weak_from_this()](const boost::system::error_code& failed) {
                                 const auto self = weak.lock();
                                 if (!self || failed) return;
                                 self->child_.read_output();
                                 if (self->child_.output_fd() >= 0) self->wait_output();
                             });
}

/// Holds the session: a killed child is reaped although nobody wants it any more.
void EncoderSession::wait_exit() {
    if (!exit_watch_.is_open()) return;
    exit_watch_.async_wait(Watch::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& failed) {
                               if (failed) return;
                               if (!self->child_.try_wait()) {
                                   self->wait_exit();
                                   return;
                               }
                               // What it sent last is still to be read.
                               if (self->owner_ != nullptr) self->read();
                           });
}

void EncoderSession::send(std::string payload) {
    if (!media_.send_later(process::MessageType::kMedia, std::move(payload))) return;
    if (media_.wants_write()) wait_writable();
}

void EncoderSession::read() {
    if (owner_ == nullptr) return;
    // The owner may let go of us in a call.
    const auto self = shared_from_this();
    bool any = false;
    for (int i = 0; i < kMessagesAtOnce && owner_ != nullptr; ++i) {
        auto message = media_.try_receive();
        if (!message) {
            if (any && owner_ != nullptr) owner_->on_batch();
            gone();
            return;
        }
        if (!message->has_value()) {
            if (any) owner_->on_batch();
            if (owner_ != nullptr) wait_readable();
            return;
        }
        any = true;
        owner_->on_message(std::move((*message)->payload));
    }
    if (owner_ == nullptr) return;
    owner_->on_batch();
    asio::post(media_watch_.get_executor(), [self] { self->read(); });
}

void EncoderSession::gone() {
    if (owner_ == nullptr) return;
    std::string how;
    // An error that it could still tell is better than how it ended.
    if (auto last = control_.try_receive(); last && *last) {
        auto& message = **last;
        if (message.type == process::MessageType::kError)
            how = process::decode_error(message.payload).message;
    }
    if (how.empty()) {
        const auto exit = child_.try_wait();
        // Its socket goes before it does: how it ended is known in a moment.
        if (!exit && exit_watch_.is_open()) return;
        how = exit ? exit->status.describe() : "it closed its socket";
        if (const auto words = child_.log().last_words(); !words.empty())
            how += "; its last words: " + words;
    }
    auto* owner = owner_;
    end();
    owner->on_gone(std::move(how));
}

void EncoderSession::end() {
    owner_ = nullptr;
    boost::system::error_code ignored;
    media_watch_.close(ignored);
    output_watch_.close(ignored);
    child_.signal(SIGKILL);
}

}  // namespace sg::live

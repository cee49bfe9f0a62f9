#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <live/encoder_child.hpp>

#include <base/result.hpp>
#include <process/channel.hpp>
#include <process/child.hpp>

namespace sg::live {

/// One life of an encoding child: its process and sockets on the channel's io_context. Lives on,
/// without an owner, until the process is reaped.
class EncoderSession final : public std::enable_shared_from_this<EncoderSession> {
  public:
    /// What happens, told on the io_context's thread until detach().
    struct Owner {
        virtual ~Owner() = default;
        /// Messages are there.
        virtual void on_message(std::string payload) = 0;
        virtual void on_batch() = 0;
        /// The socket takes more.
        virtual void on_writable() = 0;
        /// It is over; `how` says why in one line.
        virtual void on_gone(std::string how) = 0;
    };

    [[nodiscard]] static Result<std::shared_ptr<EncoderSession>> start(
        const EncoderChildSettings& settings, boost::asio::io_context& home, Owner& owner);

    /// Any task whose request's only descriptor is its end of the media socket.
    struct Program {
        std::string executable;
        std::vector<std::string> argv;
        std::vector<std::pair<std::string, std::string>> environment;
        std::string request;
        std::string label;  ///< of its words in our log
    };
    [[nodiscard]] static Result<std::shared_ptr<EncoderSession>> start(
        Program program, boost::asio::io_context& home, Owner& owner);

    EncoderSession(boost::asio::io_context& home,
                   Owner& owner,
                   process::Child child,
                   process::Channel control,
                   process::Channel media);

    [[nodiscard]] bool writable() const { return !media_.wants_write(); }
    void send(std::string payload);
    [[nodiscard]] pid_t pid() const { return child_.pid(); }
    /// Kills it without a word to the owner.
    void end();

  private:
    [[nodiscard]] Status watch();
    void wait_readable();
    void wait_writable();
    void wait_output();
    void wait_exit();
    void read();
    void gone();

    Owner* owner_;
    process::Child child_;
    process::Channel control_;
    process::Channel media_;
    // Copies: descriptors of ours cannot be in two hands.
    boost::asio::posix::stream_descriptor media_watch_;
    boost::asio::posix::stream_descriptor output_watch_;
    boost::asio::posix::stream_descriptor exit_watch_;
    bool waiting_to_write_ = false;
};

}  // namespace sg::live

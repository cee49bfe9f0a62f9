#include <algorithm>

#include <api/gate.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::api {
namespace {

bool is_loopback(const std::string& text) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(text, error);
    return !error && address.is_loopback();
}

}  // namespace

Result<bool> decide_authentication(AuthenticationMode mode,
                                   std::span<const std::string> listen_addresses,
                                   bool issuer_configured,
                                   bool open_to_all) {
    const auto beyond =
        std::find_if_not(listen_addresses.begin(), listen_addresses.end(), is_loopback);
    const bool local = beyond == listen_addresses.end();
    if (mode == AuthenticationMode::kOn) return true;
    if (mode == AuthenticationMode::kAuto && (!local || issuer_configured)) return true;
    if (!local && !open_to_all) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("serve the API without authentication on {}: everybody who reaches "
                        "this address could run jobs; listen on 127.0.0.1, switch "
                        "authentication on, or say explicitly that it is open to all",
                        *beyond)};
    }
    if (local) {
        log::warn(
            "api_authentication_off reason=\"every HTTP listener is bound to loopback\" "
            "note=\"whoever has an account on this machine may do everything\"");
    } else {
        log::warn(
            "api_authentication_off reason=\"the configuration says that it is open to all\" "
            "address={} note=\"whoever reaches this address may do everything\"",
            *beyond);
    }
    return false;
}

}  // namespace sg::api

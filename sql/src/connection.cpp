#include <sql/connection.hpp>

namespace sg::sql {

Result<std::int64_t> Connection::number(std::string_view sql, std::initializer_list<Param> params) {
    std::int64_t value = 0;
    SG_TRY(query(sql, params, [&](const Row& row) -> Status {
        value = row.integer(0);
        return {};
    }));
    return value;
}

}  // namespace sg::sql

#include <sql/connection.hpp>

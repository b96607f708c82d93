const key = "ctx_iWcdaBoVi53jetiioU5CQUJx7GeniYMGQ0eNlh2GLe2kOPh2";

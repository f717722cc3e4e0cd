// Tests with processes, sockets and a cluster meet a machine that is busy with something else. One that fails is run
// once more, at once (those after it may end what it needs), and the failure is printed all the same; unit tests have
// no such excuse.
jest.retryTimes(1, { logErrorsBeforeRetry: true, retryImmediately: true });
